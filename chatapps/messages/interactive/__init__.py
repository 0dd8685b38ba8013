"""Models of interactive messages: buttons, lists, products, flows."""

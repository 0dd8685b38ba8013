"""The routes: factories that `sendmany.api.app` calls."""

"""WhatsApp templates: drafts for the review, and the provider's list of what it has registered.

draft = read_template(Path("spring.json").read_bytes())
draft.emit_json()              # what the provider's add call takes
advice(draft)                  # what often goes wrong in review
read_template_list(answer)     # (RegisteredTemplate(name="spring_offer", status="APPROVED", …), …)
"""

from chatapps.messages.problems import MessageError, Problem
from chatapps.templates.advice import advice
from chatapps.templates.draft import TemplateDraft, read_template
from chatapps.templates.placeholders import count_placeholders, fill
from chatapps.templates.registered import (
    RegisteredButton,
    RegisteredComponent,
    RegisteredTemplate,
    part_of,
    read_registered,
    read_template_list,
)

__all__ = [
    "MessageError",
    "Problem",
    "RegisteredButton",
    "RegisteredComponent",
    "RegisteredTemplate",
    "TemplateDraft",
    "advice",
    "count_placeholders",
    "fill",
    "part_of",
    "read_registered",
    "read_template",
    "read_template_list",
]

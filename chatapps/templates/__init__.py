"""WhatsApp templates: drafts for review, and the provider's list of registered ones.

draft = read_template(Path("spring.json").read_bytes())
draft.emit_json()              # body of the provider's add call
advice(draft)                  # common reasons for rejection
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

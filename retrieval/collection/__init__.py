"""One collection: its active model, enrolment, answers."""

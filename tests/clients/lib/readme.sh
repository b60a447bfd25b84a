# What a reader is told to run is what runs here.
# shellcheck shell=bash

# `readme HEADING`: the first fenced block below that heading of README.md.
readme() {
    awk -v heading="## $1" '$0 == heading { found = 1 } found && /^```/ { if (open) exit; open = 1; next } open' "$ROOT/README.md"
}

# Where the bytes of Apus's local journal end. Segments (DATA/journal/*.seg) are preallocated and zeroed and groups are aligned to
# 4 KiB, so the last byte that is not zero ends the last group.
# shellcheck shell=bash

# `journal_tail`: prints "<segment> <offset of the first free 4 KiB block>" of the newest segment that holds anything.
journal_tail() {
    python3 - "$DATA/journal" <<'EOF'
import pathlib, sys
found = None
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.seg")):
    used = len(path.read_bytes().rstrip(b"\0"))
    if used:
        found = (path, (used + 4095) // 4096 * 4096)
if not found:
    sys.exit(f"no journal segment with anything in it below {sys.argv[1]}")
print(*found)
EOF
}

# `journal_garbage SEGMENT OFFSET`: 10,000 random bytes there.
journal_garbage() { head -c 10000 /dev/urandom | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# `journal_flip SEGMENT LIMIT`: turns one bit of a byte that is not zero, halfway to LIMIT and prints its offset.
journal_flip() {
    python3 - "$1" "$2" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as segment:
    data = segment.read(int(sys.argv[2]))
    place = next(i for i in range(len(data) // 2, len(data)) if data[i])
    segment.seek(place)
    segment.write(bytes([data[place] ^ 0x10]))
print(place)
EOF
}

#!/bin/sh
# v1.sh: makes v1.frame of v1.jsonl: all its streams plain, then the last of them with LZ4 payloads.
# v1.frame is kept: what the programs make today has to be these bytes; see Version in frame(5).
cd "$(dirname "$0")" || exit 1
json2frame v1.jsonl >v1.frame
tac v1.jsonl | sed '/^{"semot"/q' | tac | json2frame | framecat --compress >>v1.frame

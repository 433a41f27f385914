#!/bin/sh
# check_labels.sh FILE INPUTS LABELS: whether the labels in use are those that a file of mdlcodec holds.
# Exit codes: those of mdlcodec (1 damaged or other inputs, 2 usage, 3 cannot be decoded here); 4: other labels in use.
set -u
if [ $# -ne 3 ]; then
    echo "usage: check_labels.sh FILE INPUTS LABELS" >&2
    exit 2
fi
if [ ! -f "$3" ]; then
    echo "check_labels.sh: there is no file $3" >&2
    exit 2
fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
decoded="$folder/labels.${3##*.}"
mdlcodec decode "$1" --inputs "$2" -o "$decoded" --quiet || exit $?
if ! cmp -s "$decoded" "$3"; then
    echo "check_labels.sh: the labels in $3 are not those in $1" >&2
    exit 4
fi
echo "$3: the labels in $1"

# shellcheck shell=bash
# What the scripts beside it share.

# need COMMAND=PACKAGE...: installs those of Debian's packages whose command is not there.
need() {
    local pair missing=() root=()
    for pair; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        echo "not installed (by the names of Debian's packages): ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    ((EUID == 0)) || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# folder NAME: makes target/NAME. cargo marks target as a cache only where it makes it itself.
folder() {
    mkdir -p "target/$1"
    [[ -e target/CACHEDIR.TAG ]] ||
        echo 'Signature: 8a477f597d28d172789f06886806bc55' >target/CACHEDIR.TAG
}

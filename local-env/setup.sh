#!/bin/sh
# What laudstream needs on this machine: Debian packages, a virtual environment, jars, the built UI.
# Says what it does, does nothing twice, and is quick when nothing has changed. Run it as root or as anyone with sudo.
set -eu
cd "$(dirname "$0")/.."

CACHE=.cache
STAMPS=$CACHE/stamps
began=$(date +%s)
did=0

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

hash_of() { # files, or words that stand for a state
    for item in "$@"; do
        if [ -f "$item" ]; then sha256sum "$item"; else printf '%s\n' "$item"; fi
    done | sha256sum | cut -d ' ' -f 1
}
fresh() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
done_with() { mkdir -p "$STAMPS"; printf '%s\n' "$2" >"$STAMPS/$1"; did=$((did + 1)); }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif has sudo; then sudo "$@"
    else die "needs root for: $* (install sudo, or run this as root)"
    fi
}

find_python() { # sets $python: that of .venv, else the newest one here that is new enough, else nothing
    for python in .venv/bin/python python3.13 python3.12 python3.11 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    python=
}

debian_packages() {
    missing=
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
    has chromium || missing="$missing chromium"
    has java || missing="$missing default-jre-headless"
    has mvn || missing="$missing maven"
    has node || missing="$missing nodejs"
    has npm || missing="$missing npm"
    has setpriv || missing="$missing util-linux"
    find_python
    [ -n "$python" ] || missing="$missing python3"
    [ -x .venv/bin/python ] || "${python:-python3}" -c 'import ensurepip, venv' 2>/dev/null ||
        missing="$missing python3-venv"
    [ -n "$missing" ] || return 0
    has apt-get || die "please install:$missing"
    say "Debian packages:$missing"
    case $missing in
        *postgresql*) # the package must not start a server of its own at port 5432
            as_root mkdir -p /etc/postgresql-common
            [ -e /etc/postgresql-common/createcluster.conf ] ||
                echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
            ;;
    esac
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    did=$((did + 1))
    find_python
}

check_versions() {
    [ -n "$python" ] || die "Python 3.11 or later is needed; here is $(python3 --version 2>&1)"
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
        die "Node 20.19 or later is needed for the UI; here is $(node --version) (https://nodejs.org)"
}

python_packages() {
    state=$(hash_of requirements-dev.lock pyproject.toml "$("$python" --version)")
    ! { [ -x .venv/bin/laudstream ] && fresh python "$state"; } || return 0
    if [ ! -x .venv/bin/python ]; then
        say "virtual environment .venv ($("$python" --version))"
        "$python" -m venv .venv
    fi
    say "Python packages of requirements-dev.lock"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --require-hashes --no-deps \
        -r requirements-dev.lock
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
    done_with python "$state"
}

jars() {
    state=$(hash_of kafkaconnect/pom.xml)
    ! { [ -d "$CACHE/connect-plugins" ] && fresh jars "$state"; } || return 0
    say "jars of Kafka, Kafka Connect and Debezium (kafkaconnect/pom.xml)"
    new=$PWD/$CACHE/new
    rm -rf "$new"
    mkdir -p "$new/connect-plugins"
    mvn -q -B -f kafkaconnect/pom.xml -Dcache="$new" package
    tar -xzf "$new"/debezium/*.tar.gz -C "$new/connect-plugins"
    rm -rf "$CACHE/kafka-libs" "$CACHE/connect-plugins" "$CACHE/archives"
    mv "$new/kafka-libs" "$new/connect-plugins" "$CACHE/"
    rm -rf "$new" kafkaconnect/target
    done_with jars "$state"
}

archives() {
    state=$(hash_of "$STAMPS/jars" "$(java -version 2>&1)" laudstream/local/archives.py laudstream/local/kafka.py)
    ! { [ -d "$CACHE/archives" ] && fresh archives "$state"; } || return 0
    say "class data archives: Kafka starts in half the time"
    if .venv/bin/python -m laudstream.local.archives; then
        done_with archives "$state"
    else
        say "that failed; everything works without, Kafka starts slower"
    fi
}

ui() {
    if [ ! -f ui/package.json ]; then
        say "no UI to build: ui/package.json is not there"
        return 0
    fi
    lock=$(hash_of ui/package.json ui/package-lock.json "$(node --version)")
    if [ ! -d ui/node_modules ] || ! fresh npm "$lock"; then
        say "npm packages of the UI"
        (cd ui && npm ci --no-audit --no-fund --loglevel=error)
        done_with npm "$lock"
    fi
    sources=$(find ui local-env/journeys \( -path ui/node_modules -o -path ui/dist -o -path ui/test-results \) -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum)
    state=$(hash_of "$sources" "$lock")
    ! { [ -f ui/dist/index.html ] && fresh ui "$state"; } || return 0
    say "UI"
    (cd ui && npm run build --silent -- --logLevel warn)
    done_with ui "$state"
}

mkdir -p "$STAMPS"
debian_packages
check_versions
python_packages
jars
archives
ui
if [ "$did" -eq 0 ]; then
    say "nothing to do"
else
    say "done in $(($(date +%s) - began)) s"
fi

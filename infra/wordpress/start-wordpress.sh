#!/usr/bin/env bash
# A real WordPress on 127.0.0.1 for integration tests, on Debian. No Docker, no wp-cli.
#
#   start-wordpress.sh start [--dir DIR] [--port N] [--suite trixie|bookworm|sid] [--db sqlite|mariadb]
#                            [--core DIR] [--permalinks plain] [--no-bridge] [--fresh]
#   start-wordpress.sh stop  [--dir DIR]
#
# "start" installs what is missing (apt; needs root or sudo), lays out a site in DIR
# (build/wordpress/site), serves it, and writes DIR/wp-test.env: the URL and, for one user of
# each role, an application password (new at every start). --fresh empties the site first;
# --no-bridge leaves our companion plugin out.
#
# WordPress is Debian's own package, unpacked but not installed, so no web server comes
# with it: trixie has 6.8, bookworm 6.1, sid the newest. --core DIR takes any unpacked
# WordPress instead, which is the way on Ubuntu.
# The SQLite drop-in fails with bookworm's 6.1 (tried with 6.8 and 7.1): there, --db mariadb.
# Downloads are kept in wordpress-cache beside DIR (or $WP_TEST_CACHE).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
die() { echo "start-wordpress: $*" >&2; exit 1; }

action=${1:-start}; shift || true
dir=build/wordpress/site port=8090 suite=trixie db=sqlite core='' permalinks='/%postname%/' bridge=1 fresh=0
while (($#)); do
  case $1 in
    --dir) dir=$2; shift 2 ;;          --port) port=$2; shift 2 ;;
    --suite) suite=$2; shift 2 ;;      --db) db=$2; shift 2 ;;
    --core) core=$(cd "$2" && pwd); shift 2 ;;
    --permalinks) permalinks=$2; [[ $2 != plain ]] || permalinks=''; shift 2 ;;
    --no-bridge) bridge=0; shift ;;
    --fresh) fresh=1; shift ;;
    *) die "unknown option $1" ;;
  esac
done
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
cache=${WP_TEST_CACHE:-$(dirname "$dir")/wordpress-cache}
url=http://127.0.0.1:$port

alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
stop() {                                # only what this script started, by its pid files
  for f in "$dir"/php.pid "$dir"/mariadb.pid; do
    [[ -s $f ]] || continue
    pid=$(<"$f")
    # PHP leads its own process group: its workers go with it
    if [[ $f == */php.pid ]]; then kill -- "-$pid" 2>/dev/null || true; else kill "$pid" 2>/dev/null || true; fi
    for _ in {1..100}; do alive "$pid" || break; sleep 0.1; done
    rm -f "$f"
  done
}
case $action in start) stop ;; stop) stop; exit ;; *) die "start or stop?" ;; esac
! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || die "port $port is in use"

mkdir -p "$cache"
exec 9>"$cache/lock"; flock 9                 # of several that start at once, one downloads and the others wait

# --- 1. PHP, and MariaDB if asked for ------------------------------------------
want=()
ext() { php -r "exit(extension_loaded('$1') ? 0 : 1);" 2>/dev/null; }
command -v php >/dev/null || want+=(php-cli)
ext gd || want+=(php-gd)                # else no thumbnails, and multipart image uploads are refused
ext xml || want+=(php-xml)              # XML-RPC
ext mbstring || want+=(php-mbstring)
if [[ $db == sqlite ]]; then ext pdo_sqlite || want+=(php-sqlite3)
else ext mysqli || want+=(php-mysql); command -v mariadbd >/dev/null || want+=(mariadb-server); fi
command -v curl >/dev/null || want+=(curl ca-certificates)
command -v unzip >/dev/null || want+=(unzip)
if ((${#want[@]})); then
  sudo=; [[ $(id -u) == 0 ]] || sudo=sudo
  $sudo apt-get update -qq >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${want[@]}" >&2
fi

# --- 2. WordPress and the SQLite drop-in, into the cache -----------------------
if [[ -z $core ]]; then
  core=$cache/wordpress-$suite
  if [[ ! -f $core/wp-load.php ]]; then
    # An apt of its own: any suite, signatures checked, nothing installed, no root needed.
    a=$cache/apt-$suite; rm -rf "$a"; mkdir -p "$a"/{lists/partial,archives/partial,debs}
    # the mirror that this machine already uses for Debian's main archive
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' 'Origin: Debian' | grep -v security | sort -u | head -1)
    [[ -n $mirror ]] || die "no Debian archive in this machine's apt sources; use --core DIR"
    echo "deb [arch=all signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$a/sources.list"
    opt=(-qq -o APT::Architecture=all -o Dir::Etc::sourcelist="$a/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$a/lists"
         -o Dir::State::status=/dev/null -o Dir::Cache="$a" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
         -o Acquire::Check-Valid-Until=false)            # a mirror that lags behind is good enough here
    apt-get "${opt[@]}" update
    # the two PHP libraries that the package reaches by relative links
    (cd "$a/debs" && apt-get "${opt[@]}" download wordpress php-getid3 libphp-phpmailer)
    for deb in "$a"/debs/*.deb; do dpkg-deb -x "$deb" "$a/unpacked"; done
    find "$a/unpacked/usr/share/wordpress" -xtype l -delete  # dangling: .htaccess, browser libraries of wp-admin
    cp -rL "$a/unpacked/usr/share/wordpress" "$a/core"
    mv "$a/core" "$core"; rm -rf "$a"
  fi
fi
if [[ $db == sqlite && ! -d $cache/sqlite-plugin ]]; then
  # WordPress's own SQLite drop-in (GPL), as it comes inside WordPress Playground's npm package.
  command -v npm >/dev/null || die "npm is needed to fetch the SQLite drop-in; or use --db mariadb"
  tgz=$cache/wp-playground-cli-3.1.56.tgz
  npm pack --silent --pack-destination "$cache" @wp-playground/cli@3.1.56 >&2
  echo "253c65e9d8cf10cd98458cffc3e054a32a02be14861c88ea322e1f315d5bf28d543cdbd96ad2da4bba29a39ed4b2b544957adf759c2f8ba22ec92e0bb30531f5  $tgz" | sha512sum -c --quiet
  tar -xzf "$tgz" -C "$cache" package/sqlite-database-integration.zip
  unzip -qo "$cache/package/sqlite-database-integration.zip" -d "$cache"
  rm -r "$tgz" "$cache/package"
  mv "$cache/plugin-sqlite-database-integration" "$cache/sqlite-plugin"
fi

flock -u 9; exec 9>&-

# --- 3. The site: DIR/www is the document root ---------------------------------
www=$dir/www
[[ -f $dir/core && $(<"$dir/core") == "$core" ]] || { rm -rf "$www"; fresh=1; }
! ((fresh)) || rm -rf "$www/wp-content" "$dir/database" "$dir/mariadb" "$dir/debug.log"
if [[ ! -f $www/wp-load.php ]]; then    # hard links where possible: 3000 files need not be copied
  cp -al "$core" "$www" 2>/dev/null || { rm -rf "$www"; cp -a "$core" "$www"; }
  rm -rf "$www/wp-content" "$www/wp-config.php"
  echo "$core" >"$dir/core"
fi
mkdir -p "$www"/wp-content/{plugins,uploads} "$dir/database"
cp "$here/wp-config.php" "$www/wp-config.php"
rm -rf "$www/wp-content/mu-plugins" "$www/wp-content/plugins/igny8-bridge"   # faults that a test left behind, too
cp -r "$here/mu-plugins" "$here/themes" "$www/wp-content/"
((bridge == 0)) || cp -r "$here/igny8-bridge" "$www/wp-content/plugins/"
rm -rf "$www/wp-content/db.php" "$www/wp-content/plugins/sqlite-database-integration"
if [[ $db == sqlite ]]; then            # db.copy is the drop-in; it finds the plugin folder by itself
  cp -r "$cache/sqlite-plugin" "$www/wp-content/plugins/sqlite-database-integration"
  cp "$cache/sqlite-plugin/db.copy" "$www/wp-content/db.php"
fi
(umask 077; cat >"$dir/site.ini" <<INI
url = "$url"
socket = "$dir/mariadb.sock"
permalinks = "$permalinks"
secret = "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
INI
)

if [[ $db == mariadb ]]; then           # a private server: its own data folder, a socket, no port
  me=$(id -un)
  [[ -d $dir/mariadb/mysql ]] || mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db \
    --skip-name-resolve --user="$me" --datadir="$dir/mariadb" >"$dir/mariadb.log" 2>&1
  setsid mariadbd --no-defaults --user="$me" --datadir="$dir/mariadb" --socket="$dir/mariadb.sock" --pid-file="$dir/mariadb.pid" \
    --skip-networking --innodb-flush-log-at-trx-commit=0 --character-set-server=utf8mb4 >>"$dir/mariadb.log" 2>&1 </dev/null &
  sql() { mariadb --no-defaults -uroot -S "$dir/mariadb.sock" -e "$1"; }
  for _ in {1..300}; do sql 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
  sql "create database if not exists wordpress; create user if not exists wordpress@localhost; grant all on wordpress.* to wordpress@localhost"
fi

# --- 4. Install, serve, wait ----------------------------------------------------
installed=0
for _ in 1 2 3; do                      # on a very busy machine SQLite may give up a lock
  if (umask 077; php "$here/setup.php" "$www" >"$dir/wp-test.env" 2>"$dir/setup.log"); then installed=1; break; fi
  sleep 1
done
((installed)) || { cat "$dir/setup.log" "$dir/wp-test.env" >&2; tail -20 "$dir/debug.log" >&2 || true; die "setup.php failed"; }

# Upload limits are small on purpose, so that a test meets "too large" with a 5 MB file.
PHP_CLI_SERVER_WORKERS=${WP_TEST_WORKERS:-4} setsid php -d opcache.enable_cli=1 -d opcache.revalidate_freq=0 \
  -d upload_max_filesize=4M -d post_max_size=6M -d memory_limit=256M \
  -S "127.0.0.1:$port" -t "$www" "$here/router.php" >>"$dir/php.log" 2>&1 </dev/null &
echo $! >"$dir/php.pid"
for _ in {1..300}; do
  if curl -fsS -o /dev/null "$url/?rest_route=/" 2>/dev/null; then echo "$url is up; accounts in $dir/wp-test.env"; exit 0; fi
  alive "$(<"$dir/php.pid")" || break
  sleep 0.1
done
tail -20 "$dir/php.log" >&2; die "WordPress did not answer"

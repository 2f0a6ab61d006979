/**
 * Services of Debian as images run them: the start-up scripts follow those of the official images that the example workloads of
 * Compose and Kubernetes name (PostgreSQL, MariaDB, Redis, nginx, PHP, Python, Node, Java, RabbitMQ, Git), and those that change
 * owners, users and settings before they start.
 */
export interface Workload {
  readonly name: string;
  readonly entry: string;
  /** Ends with 0 when it serves. */
  readonly ready: string;
  /** Done one after the other by exec. */
  readonly acts: readonly string[];
  /** It has a terminal from its start. */
  readonly terminal?: true;
}

export const HOUSE_PACKAGES = [
  ...['postgresql', 'mariadb-server', 'redis-server', 'redis-sentinel', 'nginx', 'apache2', 'php8.2-fpm', 'php8.2-cli'],
  ...['haproxy', 'curl', 'openssl', 'ca-certificates', 'procps', 'cron', 'logrotate', 'gosu', 'tini', 'python3'],
  ...[
    'python3-gunicorn',
    'gunicorn',
    'python3-flask',
    'openssh-server',
    'openssh-client',
    'vsftpd',
    'rsync',
    'memcached',
  ],
  ...['rabbitmq-server', 'git', 'mosquitto', 'mosquitto-clients', 'supervisor', 'restic', 'make', 'gcc', 'libc6-dev'],
  ...[
    'tomcat10',
    'default-jre-headless',
    'util-linux',
    'iproute2',
    'hostname',
    'gettext-base',
    'wget',
    'less',
    'passwd',
  ],
  ...['sudo', 'dumb-init', 'libcap2-bin'],
];

const SH = '#!/bin/sh\nset -e\n';

export const HOUSE_WORKLOADS: readonly Workload[] = [
  {
    name: 'postgres',
    entry: `${SH}export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql /wal
  chmod 00700 "$PGDATA"; chmod 03775 /var/run/postgresql
  find "$PGDATA" \\! -user postgres -exec chown postgres '{}' +
  chown -R postgres:postgres /var/run/postgresql /wal
fi
[ -s "$PGDATA/PG_VERSION" ] || { echo secret > /tmp/pw; gosu postgres initdb --username=postgres --pwfile=/tmp/pw -A trust; rm /tmp/pw; }
exec gosu postgres postgres -c listen_addresses=127.0.0.1 -c archive_mode=on -c wal_level=replica \\
  -c archive_command='test ! -f /wal/%f && cp %p /wal/%f'
`,
    ready: 'pg_isready -h 127.0.0.1',
    acts: [
      "psql -h 127.0.0.1 -U postgres -c 'create table t as select generate_series(1, 50000) as n'",
      "psql -h 127.0.0.1 -U postgres -c 'create index on t (n)' -c 'vacuum analyze t'",
      'pg_dump -h 127.0.0.1 -U postgres postgres | gzip > /tmp/backup.sql.gz',
      'vacuumdb -h 127.0.0.1 -U postgres --all --quiet',
      "psql -h 127.0.0.1 -U postgres -c 'select pg_switch_wal()'",
      'until [ -n "$(ls /wal)" ]; do sleep 0.5; done',
      'gosu postgres pg_ctl -D /var/lib/postgresql/data reload',
      'gosu postgres pg_basebackup -h 127.0.0.1 -U postgres -D /tmp/base -X none',
      // A restore to the end of what was kept: its commands are started by the process that recovers.
      `gosu postgres sh -c 'touch /tmp/base/recovery.signal; echo "restore_command = \\\\047cp /wal/%f %p\\\\047" | sed "s/.047/\\x27/g" >> /tmp/base/postgresql.auto.conf
chmod 700 /tmp/base; pg_ctl -D /tmp/base -o "-p 5433 -c archive_mode=off" -w -t 60 -l /tmp/base/log start && pg_ctl -D /tmp/base -m fast stop'`,
    ],
  },
  {
    name: 'mariadb',
    entry: `${SH}mkdir -p /var/lib/mysql /run/mysqld
find /var/lib/mysql \\! -user mysql -exec chown mysql: '{}' +
chown mysql: /run/mysqld; chmod 1777 /run/mysqld
[ -d /var/lib/mysql/mysql ] || gosu mysql mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal
exec gosu mysql mariadbd --transaction-isolation=READ-COMMITTED --binlog-format=ROW --skip-networking=0 --bind-address=127.0.0.1
`,
    ready: 'mariadb-admin ping',
    acts: [
      "mariadb -e 'create database shop; create table shop.t (n int); insert into shop.t values (1), (2)'",
      'mariadb-dump --all-databases | gzip > /tmp/backup.sql.gz',
      'mariadb-check --all-databases --silent',
      "mariadb -e 'flush logs'",
    ],
  },
  {
    name: 'redis',
    entry: `${SH}mkdir -p /data; cd /data
find . \\! -user redis -exec chown redis '{}' +
umask 0077
exec gosu redis redis-server --bind 127.0.0.1 --appendonly yes --dir /data --save 60 1
`,
    ready: 'redis-cli ping | grep PONG',
    acts: [
      'redis-cli set a b',
      'redis-cli bgsave',
      'redis-cli bgrewriteaof',
      'redis-cli info > /tmp/info',
      'redis-cli --latency-history -i 1 >/dev/null & sleep 2; kill $!',
    ],
  },
  {
    name: 'nginx',
    entry: `${SH}mkdir -p /etc/nginx/templates /etc/nginx/conf.d /var/log/nginx
export HOST=localhost
# As the image's own scripts: is the configuration as it was packed, and templates with the environment in them.
dpkg-query --show --showformat='\${Conffiles}\\n' nginx-common | grep sites-available/default || true
echo 'server { listen 8443 ssl; server_name \${HOST}; ssl_certificate /tmp/c.pem; ssl_certificate_key /tmp/k.pem; location / { return 200 well; } }' > /etc/nginx/templates/a.conf.template
envsubst '\${HOST}' < /etc/nginx/templates/a.conf.template > /etc/nginx/conf.d/a.conf
sed -i 's,listen       80;,listen       80;\\n listen  [::]:80;,' /etc/nginx/sites-available/default
grep -q processor /proc/cpuinfo && nproc > /tmp/workers
openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/k.pem -out /tmp/c.pem -days 1 -subj /CN=localhost
exec nginx -g 'daemon off;'
`,
    ready: 'curl --silent --fail --insecure https://localhost:8443/ || exit 1',
    acts: [
      'nginx -t',
      'nginx -s reload',
      'for n in 1 2 3 4 5; do curl -skf https://localhost:8443/; done',
      "printf '/var/log/nginx/*.log { daily\\n rotate 3\\n compress\\n create 0640 www-data adm\\n su root adm\\n postrotate\\n kill -USR1 $(cat /run/nginx.pid)\\n endscript\\n }\\n' > /tmp/rotate; chmod 644 /tmp/rotate; logrotate -f /tmp/rotate",
      'nginx -s reopen',
    ],
  },
  {
    name: 'php',
    entry: `${SH}sed -i 's,^listen = .*,listen = 127.0.0.1:9000,' /etc/php/8.2/fpm/pool.d/www.conf
mkdir -p /run/php /var/www/html; cp -a /usr/share/php /var/www/html/lib 2>/dev/null || true
echo '<?php file_put_contents("/tmp/hits", "x", FILE_APPEND); echo "well ", phpversion(), file_get_contents("http://127.0.0.1:80/plain.txt");' > /var/www/html/index.php
echo plain > /var/www/html/plain.txt
chown -R www-data:www-data /var/www/html
chmod g+s /var/www/html
a2enmod proxy_fcgi rewrite >/dev/null
echo 'ServerName localhost
CustomLog "|/usr/bin/rotatelogs /var/log/apache2/a.%Y 86400" combined
<FilesMatch \\.php$>
SetHandler "proxy:fcgi://127.0.0.1:9000"
</FilesMatch>' > /etc/apache2/conf-enabled/php.conf
php-fpm8.2 --daemonize
. /etc/apache2/envvars
mkdir -p $APACHE_RUN_DIR $APACHE_LOCK_DIR
exec apache2 -DFOREGROUND
`,
    ready: 'curl -sf http://localhost/index.php | grep well',
    acts: [
      'curl -sf http://localhost/index.php',
      'apache2ctl graceful',
      'kill -USR2 $(cat /run/php/php8.2-fpm.pid)',
      'gosu www-data php -r "echo PHP_VERSION;"',
      'su -p www-data -s /bin/sh -c \'php -r "echo 1;"\'',
    ],
  },
  {
    name: 'python',
    entry: `${SH}mkdir -p /app; cd /app
cat > app.py <<'E'
import flask, subprocess, sqlite3
app = flask.Flask(__name__)
@app.route('/')
def hello(): return 'well ' + subprocess.run('date | tr a-z A-Z', shell=True, capture_output=True, text=True).stdout
@app.route('/health')
def health(): return 'ok'
E
id app >/dev/null 2>&1 || useradd --create-home --uid 1500 app
chown -R app:app /app
# Migrations before the server, as images of Django do.
gosu app python3 -c "import sqlite3; d = sqlite3.connect('/app/db'); d.execute('create table if not exists t (n int)'); d.commit()"
gosu app python3 -m compileall -q /app
exec gosu app gunicorn -w 3 -t 60 -b 127.0.0.1:8000 app:app
`,
    ready: 'curl --silent --fail localhost:8000/health || exit 1',
    acts: [
      'curl -sf localhost:8000/',
      'curl -s localhost:8000/health | python3 -c "import sys; sys.exit(0 if sys.stdin.read() == \'ok\' else 1)"',
      'kill -HUP 1',
      'sleep 1; curl -sf localhost:8000/',
    ],
  },
  {
    name: 'node',
    terminal: true,
    entry: `${SH}mkdir -p /srv/app; cd /srv/app
cat > server.js <<'E'
const http = require('node:http'), { exec, spawn } = require('node:child_process'), cluster = require('node:cluster');
if (cluster.isPrimary) { cluster.fork(); cluster.fork(); cluster.on('exit', () => cluster.fork()); }
else http.createServer((q, r) => exec('ls -l /srv/app | sort', (e, out) => r.end('well ' + out))).listen(3000, '127.0.0.1');
E
exec dumb-init node server.js
`,
    ready: 'curl -sf localhost:3000/ | grep well',
    acts: [
      'for n in 1 2 3; do curl -sf localhost:3000/; done',
      'node -e "console.log(require(\'node:crypto\').randomUUID())"',
      'STATUS=$(curl -s -o /dev/null -w "%{http_code}" localhost:3000/); [ "$STATUS" = 200 ]',
    ],
  },
  {
    name: 'java',
    entry: `${SH}export CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=/var/lib/tomcat10 CATALINA_PID=/tmp/pid JAVA_HOME=$(dirname $(dirname $(readlink -f /usr/bin/java)))
uname -s; id -un; hostname; env | sort > /tmp/env; df -h > /tmp/df; getent hosts localhost
mkdir -p /tmp/tomcat; chown -R tomcat:tomcat /var/lib/tomcat10 /var/cache/tomcat10 /tmp/tomcat
chown -R tomcat /usr/share/tomcat10/bin
exec gosu tomcat /usr/share/tomcat10/bin/catalina.sh run
`,
    ready: 'curl -s -o /dev/null localhost:8080/',
    acts: ['for n in 1 2 3; do curl -s -o /dev/null localhost:8080/; done', 'kill -QUIT $(pgrep -o java)'],
  },
  {
    name: 'rabbitmq',
    entry: `${SH}mkdir -p /var/lib/rabbitmq /var/log/rabbitmq
find /var/lib/rabbitmq \\! -user rabbitmq -exec chown rabbitmq '{}' +
chown -R rabbitmq /var/log/rabbitmq
exec gosu rabbitmq env HOME=/var/lib/rabbitmq RABBITMQ_NODENAME=rabbit@localhost /usr/lib/rabbitmq/bin/rabbitmq-server
`,
    ready:
      'gosu rabbitmq env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@localhost status >/dev/null',
    acts: [
      'gosu rabbitmq env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@localhost list_queues',
      'gosu rabbitmq env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-diagnostics -n rabbit@localhost -q ping',
    ],
  },
  {
    name: 'cron',
    entry: `${SH}mkdir -p /backup /data; echo one > /data/a
# The schedule comes with the environment.
echo '* * * * * root /usr/local/bin/nightly >> /tmp/nightly.log 2>&1' > /etc/cron.d/nightly
chmod 644 /etc/cron.d/nightly
cat > /usr/local/bin/nightly <<'E'
#!/bin/sh
export RESTIC_PASSWORD=x HOME=/root
[ -d /backup/repo ] || restic -q -r /backup/repo init
restic -q -r /backup/repo backup /data
restic -q -r /backup/repo forget --keep-last 3 --prune
tar -czf /backup/data-$(date +%s).tar.gz -C / data
rsync -a --delete /data/ /backup/copy/
find /backup -name 'data-*.tar.gz' -mtime +7 -delete
logrotate -f /etc/logrotate.d/apt /etc/logrotate.d/wtmp
echo done
E
chmod 755 /usr/local/bin/nightly
echo '* * * * * /bin/true' | crontab -u www-data -
exec cron -f
`,
    ready: 'grep done /tmp/nightly.log',
    acts: [
      'ps aux | head -3; df -h /data; du -sh /backup',
      'logrotate -f /etc/logrotate.conf',
      'find / -xdev -name "*.log" -size +10M -exec gzip {} + 2>/dev/null || true',
    ],
  },
  {
    name: 'ssh',
    entry: `${SH}ssh-keygen -A >/dev/null; mkdir -p /run/sshd /srv/git
id git >/dev/null 2>&1 || useradd --create-home --shell /bin/bash git
echo git:secret | chpasswd
usermod -a -G www-data git
mkdir -p /home/git/.ssh /root/.ssh; [ -s /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cat /root/.ssh/id_ed25519.pub > /home/git/.ssh/authorized_keys
chown -R git:git /home/git /srv/git
gosu git git init -q --bare --shared=group /srv/git/x.git
printf 'local_enable=YES\\nwrite_enable=YES\\nlisten=YES\\nlisten_address=127.0.0.1\\npam_service_name=vsftpd\\nseccomp_sandbox=NO\\nsecure_chroot_dir=/run/sshd\\n' > /etc/vsftpd.conf
vsftpd /etc/vsftpd.conf &
gosu git git daemon --detach --export-all --base-path=/srv/git --listen=127.0.0.1 --pid-file=/tmp/git.pid
exec /usr/sbin/sshd -D -e
`,
    ready: 'ssh -o StrictHostKeyChecking=no -o BatchMode=yes git@127.0.0.1 true',
    acts: [
      'cat /root/.ssh/id_ed25519.pub',
      'ssh -o BatchMode=yes git@127.0.0.1 "git --version; tar -cf - .ssh | wc -c"',
      'echo "ls" | sftp -b - -o BatchMode=yes git@127.0.0.1',
      'scp -q -o BatchMode=yes /etc/hosts git@127.0.0.1:/tmp/hosts',
      'rsync -a -e "ssh -o BatchMode=yes" /etc/ssl/ git@127.0.0.1:/tmp/ssl/',
      'cd /tmp && git clone -q git@127.0.0.1:/srv/git/x.git one && cd one && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && git push -q',
      'cd /tmp && git clone -q git://127.0.0.1/x.git two',
      'curl -sf --user git:secret ftp://127.0.0.1/ -o /dev/null',
    ],
  },
  {
    name: 'edge',
    entry: `${SH}openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/k.pem -out /tmp/c.pem -days 1 -subj /CN=localhost; cat /tmp/c.pem /tmp/k.pem > /tmp/s.pem
printf 'global\\n stats socket /tmp/stats mode 600 level admin\\ndefaults\\n mode http\\n timeout connect 5s\\n timeout client 5s\\n timeout server 5s\\nfrontend a\\n bind 127.0.0.1:8443 ssl crt /tmp/s.pem\\n http-request return status 200 content-type text/plain string well\\n' > /tmp/h.cfg
printf '[supervisord]\\nnodaemon=true\\nuser=root\\n[program:memcached]\\ncommand=memcached -u memcache -l 127.0.0.1\\n[program:mosquitto]\\ncommand=mosquitto -p 1883\\n[program:haproxy]\\ncommand=haproxy -W -db -f /tmp/h.cfg\\n' > /tmp/s.conf
exec supervisord -c /tmp/s.conf
`,
    ready: 'curl -skf https://localhost:8443/',
    acts: [
      'pkill -USR2 -o haproxy; sleep 1; curl -skf https://localhost:8443/',
      'mosquitto_pub -t a -m b',
      'supervisorctl -c /tmp/s.conf status || true',
      'exec 3<>/dev/null; printf "stats\\nquit\\n" > /tmp/q',
    ],
  },
  {
    name: 'build',
    entry: `${SH}mkdir -p /work; cd /work
printf 'int f(void) { return 0; }\\n' > f.c
printf 'lib.a: f.o\\n\\tar rcs lib.a f.o\\nf.o: f.c\\n\\tgcc -O2 -c f.c\\n' > Makefile
make
# A workload whose folder with its programs is given to its user, as Vitess does.
exec sh -c 'mkdir -p /opt/vt/tmp && chown -R www-data /opt/vt && su -p -s /bin/sh -c "/opt/vt/bin/server 600" www-data'
`,
    ready: 'pgrep -f /opt/vt/bin/server',
    acts: ['cd /work && touch f.c && make', 'ls -lR /work | wc -l', 'tar -czf /tmp/work.tgz -C / work'],
  },
];

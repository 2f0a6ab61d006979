import { Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { type Socket as Connection, Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ResolverSockets } from '../../network/index.ts';
import { startChild } from '../../system/index.ts';
import { isRunning, listProcesses, type ProcessId } from '../setup/processes.ts';

/**
 * The sockets of a resolver in the network namespace in which an ordinary account's Podman has its bridges: out of the host's
 * sight, and within reach of `podman unshare`. Podman makes that namespace for the first pod and drops it with the last one.
 */
export class RootlessSockets implements ResolverSockets {
  readonly #env: NodeJS.ProcessEnv;
  readonly #podman: readonly [string, ...string[]];
  #link: ProcessId | null = null;

  /** @param env as Podman is asked everywhere else */
  constructor(env: NodeJS.ProcessEnv, podman: readonly [string, ...string[]] = ['podman']) {
    this.#env = env;
    this.#podman = podman;
  }

  /** The program that joins the namespace to the host's network lives and ends with it. */
  async space(): Promise<string> {
    const run = this.#env['XDG_RUNTIME_DIR'] ?? '';
    if (this.#link === null || !(await isRunning(this.#link))) {
      this.#link = null;
      // Other people's processes may carry any words.
      const own = (await listProcesses()).filter(({ uid }) => uid === process.getuid?.());
      for (const { id } of own) if (await isLink(id, run)) this.#link = id;
    }
    return this.#link === null ? '' : `${this.#link.pid} ${this.#link.start}`;
  }

  /** @throws Error with the code of the system, such as EADDRINUSE */
  open(address: string, port: number): Promise<{ udp: Socket; tcp: Server }> {
    const helper = fileURLToPath(new URL('./socket-helper.ts', import.meta.url));
    const [file, ...before] = this.#podman;
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', helper, address, String(port)];
    return new Promise((resolve, reject) => {
      // Podman hands on the three standard descriptors alone: the channel is the first of them.
      const child = startChild(file, [...before, 'unshare', '--rootless-netns', ...node], {
        ...{ env: this.#env, stdio: ['ipc', 'ignore', 'pipe'], cwd: '/' },
        timeout: DNS_SOCKETS_MS,
        killSignal: 'SIGKILL',
      });
      let udp: Socket | null = null;
      let tcp: Server | null = null;
      let why = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        why = `${why}${text}`.slice(-ERROR_CHARACTERS);
      });
      child.on('message', (message, handle) => {
        if (handle instanceof Socket) udp = handle;
        else if (handle instanceof Server) {
          tcp = handle;
          // Until it is handed over nobody listens to what it takes, and one that is reset would end the agent.
          tcp.on('connection', refuse);
        } else why = String(message);
      });
      child.once('error', reject);
      child.once('close', (code) => {
        tcp?.off('connection', refuse);
        if (udp !== null && tcp !== null) return resolve({ udp, tcp });
        udp?.close();
        tcp?.close();
        const [, failed] = /^failed (\w+)/.exec(why) ?? [];
        reject(
          Object.assign(
            new Error(`podman unshare ${code}: ${why.trim()}`),
            failed === undefined ? {} : { code: failed },
          ),
        );
      });
    });
  }
}

function refuse(connection: Connection): void {
  connection.destroy();
}

const ERROR_CHARACTERS = 300;
/** By way of Podman it takes half a second, on a busy machine some. */
const DNS_SOCKETS_MS = 30_000;

/** slirp4netns or pasta, joined to the namespace of this very runtime folder: other Podmans of the account have their own. */
async function isLink(id: ProcessId, run: string): Promise<boolean> {
  const text = await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '');
  return (
    /^(?:\S*\/)?(?:slirp4netns|pasta(?:\.avx2)?|passt)\0/.test(text) &&
    text.includes(`${run}/`) &&
    text.includes('rootless-netns')
  );
}

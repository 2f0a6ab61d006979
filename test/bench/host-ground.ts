/**
 * The way from the kernel to control without an instance: the sensor and control as they ship, a process each, and between them the
 * parts of the agent that hand on alerts and what somebody looks at, in this process. One container, of an image of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { showActivity } from '../../src/programs/agent/activity.ts';
import { hostIdentity } from '../../src/programs/agent/join.ts';
import { ControlLink } from '../../src/programs/agent/link-client.ts';
import { SensorServer } from '../../src/programs/agent/sensor-server.ts';
import { AlertSpool } from '../../src/programs/agent/spool.ts';
import { monotonicNs } from '../../src/programs/link/stations.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';
import { LoneControl } from '../real/access-ground.ts';
import { Ground, missingParts } from '../real/observe-ground.ts';

const READY_MS = 120_000;

/** Why it cannot be here, or false. */
export function missingHostParts(): string | false {
  return missingParts() || (spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc');
}

export class HostGround {
  readonly control: LoneControl;
  readonly ground: Ground;
  readonly container: string;
  readonly token: string;
  readonly #folder: string;
  readonly #parts: { readonly sensor: SensorServer; readonly spool: AlertSpool; readonly link: ControlLink };

  private constructor(
    parts: { control: LoneControl; ground: Ground; container: string; token: string; folder: string },
    own: { sensor: SensorServer; spool: AlertSpool; link: ControlLink },
  ) {
    this.control = parts.control;
    this.ground = parts.ground;
    this.container = parts.container;
    this.token = parts.token;
    this.#folder = parts.folder;
    this.#parts = own;
  }

  /** @param rulesOf files of rules for the sensor */
  static async start(rulesOf: (ground: Ground) => string[]): Promise<HostGround> {
    const folder = mkdtempSync(join(tmpdir(), 'darsena-host-'));
    const ground = new Ground();
    const control = await LoneControl.start();
    const token = await control.administrator();
    const caPath = join(folder, 'ca.pem');
    writeFileSync(caPath, control.caPem);
    const spoolBox: { spool: AlertSpool | null } = { spool: null };
    const socket = join(folder, 'sensor.sock');
    const sensor = await SensorServer.listen(socket, {
      log: silentLog,
      onAlert: (alert, stations) => spoolBox.spool?.add(alert, stations),
      ...{ onState: () => undefined, onBlind: () => undefined, onGuarded: () => undefined },
      ...{ onKept: () => undefined, onStrangers: () => undefined },
    });
    const identity = await hostIdentity({
      ...{ folder, host: hostname(), caPath, tokenPath: control.joinToken, port: control.agentsPort },
      ...{ address: '127.0.0.1', clock: systemClock, log: silentLog },
    });
    const connected = Promise.withResolvers<void>();
    const link: ControlLink = new ControlLink({
      address: {
        ...{ host: '127.0.0.1', port: control.agentsPort, ca: identity.ca },
        ...{ cert: identity.certificatePem, key: identity.privateKeyPem },
      },
      log: silentLog,
      onConnected: () => connected.resolve(),
      onMessage(message) {
        if (message.type === 'ping') link.send({ type: 'pong' });
        if (message.type === 'alert-stored' || message.type === 'alert-refused') spoolBox.spool?.stored(message.id);
        if (message.type !== 'task' || message.task.kind !== 'activity') return;
        const { id, task } = message;
        void link.openSession(task.session).then(async (stream) => {
          await showActivity(stream, task, sensor);
          stream.destroy();
          link.send({ type: 'task-done', id, value: null });
        });
      },
    });
    const spool = await AlertSpool.open(join(folder, 'alerts'), {
      log: silentLog,
      send: (alert, stations) => link.send({ type: 'alert', alert, stations: [...stations, monotonicNs()] }),
      isBehind: () => link.behind,
    });
    spoolBox.spool = spool;
    void link.run();
    await connected.promise;
    const container = ground.startContainer('sleep', '100000');
    sensor.setContainers([ground.describe(container) as Parameters<SensorServer['setContainers']>[0][number]]);
    await ground.startSensor({ rules: rulesOf(ground), scope: 'instance', socket });
    for (let waited = 0; sensor.state.state !== 'ok'; waited += 50) {
      if (waited > READY_MS) throw new Error(`the sensor is not ready: ${ground.sensorErrors}`);
      await setTimeout(50);
    }
    return new HostGround({ control, ground, container, token, folder }, { sensor, spool, link });
  }

  /** Compiles a program of this folder and copies it into the container, to the root. */
  addProgram(name: string): void {
    const program = join(this.ground.folder, name);
    const source = join(import.meta.dirname, `${name}.c`);
    execFileSync('gcc', ['-O2', '-static', '-Wall', '-Werror', source, '-o', program]);
    this.ground.podman('cp', program, `${this.container}:/${name}`);
  }

  async close(): Promise<void> {
    this.#parts.link.close();
    await this.#parts.spool.close();
    await this.control.stop();
    await this.ground.close();
    this.#parts.sensor.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The thread that reads the kernel's rings and tries the rules. It blocks in epoll and hands over nothing but matches. */
import { constants, setPriority } from 'node:os';
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Alert, describeProcess, escapeControls, type Finding, RuleEngine, selfAlert } from '../../detect/live.ts';
import { CALLS_OF_32_BITS, EXE_FLAG, type KernelEvent, RECORD, RECORD_FLAG } from '../../events/index.ts';
import { FallbackProbe, observeFault, Probe, Watcher } from '../../observe/index.ts';
import type { ContainerGuard } from '../../prevent/guard.ts';
import { Fault } from '../../system/fault.ts';
import type { Text } from '../../system/index.ts';
import { Doorbell, isLocked, trimMemory } from '../../system/native.ts';
import { PATCH_LOCK } from '../../system/patch-lock.ts';
import { monotonicNs } from '../link/stations.ts';
import { ActivityWatches, FLUSH_MS } from './activity.ts';
import { AlertLane } from './alert-lane.ts';
import { CallRecordings } from './call-recordings.ts';
import { Guard } from './guard.ts';
import { alertOfMet, kernelGuardOf } from './guards.ts';
import { EventKeeper } from './keeper.ts';
import { LagWord } from './lag-word.ts';
import { LossWord } from './loss-word.ts';
import { type FromWorker, type ToWorker, WATCHED_SOON, type WorkerStart } from './messages.ts';
import { Pace } from './pace.ts';
import { readingRules, reasonOf } from './rule-reading.ts';
import { Seldom } from './seldom.ts';
import { alertLine } from './spool.ts';
import { Throttle } from './throttle.ts';

const STATS_MS = 5_000;
const TICK_MS = 500;
/** What the compiler of the engine used lies free afterwards; to give it back takes some 2 ms. */
const TRIM_MS = 5_000;
/** Batches of events before messages and counters get their turn. */
const BATCHES_MAX = 16;
/** Events of one turn, which is a quiet moment. */
const QUIET_EVENTS_MAX = 256;
/** While new rules are read. */
const READ_EVERY_MS = 2;
/** Processes above the one that a guard met. */
const ANCESTORS_MAX = 16;
const PATCH_WAIT_MS = 10_000;
const PATCH_LOOK_MS = 50;
const PATCH_GOES_IN = {
  what: WATCHED_SOON,
  why: {
    en: 'a live patch of the kernel goes in or out; they are watched as soon as that is over',
    es: 'se está poniendo o quitando un parche en vivo del núcleo; se observarán en cuanto termine',
  },
} as const;
const CONTAINER_ID = /^[0-9a-f]{64}$/;

const { port, start } = workerData as { port: MessagePort; start: WorkerStart };
const say = (message: FromWorker): void => port.postMessage(message);

function summarize(
  engine: RuleEngine,
  accepted: boolean,
  revision: string | null,
  findings: readonly Finding[] = engine.findings,
): FromWorker {
  const rules = engine.states.map(({ rule, offReason }) => ({
    name: rule.name,
    priority: rule.priority,
    off: offReason,
  }));
  return { type: 'rules', revision, accepted, reason: reasonOf(findings), rules, findings: [...findings] };
}

/** Of events that Falco's language has, and none of ours. */
const NO_SENSOR = { en: 'no sensor tells of such events', es: 'ningún sensor cuenta esos eventos' };

/** Reading rule files and compiling leaves much behind, and a sensor that has little to do would keep it for hours. */
function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  trimMemory();
}

/** A container that takes all processors must not make the sensor late. Without CAP_SYS_NICE it runs like everybody. */
function takePrecedence(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_SYSTEM_ERROR') throw error;
  }
}

/** The programs in the kernel, or what stands in for them where they cannot be had. */
function openSource(): Probe | FallbackProbe {
  let refusal: Fault = observeFault('observe.not-wanted');
  if (start.source === 'bpf') {
    try {
      return new Probe({
        hostToo: start.hostToo,
        ...(start.processRingBytes === null ? {} : { processRingBytes: start.processRingBytes }),
        ...(start.openRingBytes === null ? {} : { openRingBytes: start.openRingBytes }),
        pins: start.pins,
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      refusal = error;
    }
  }
  const why = {
    en: [refusal.text('en').what, refusal.text('en').why].filter(Boolean).join('; '),
    es: [refusal.text('es').what, refusal.text('es').why].filter(Boolean).join('; '),
  };
  const fallback = FallbackProbe.open({ hostToo: start.hostToo, instance: start.instance, why });
  if (fallback instanceof FallbackProbe) return fallback;
  if (start.source === 'bpf') throw refusal;
  throw observeFault('observe.no-fallback', { reason: fallback });
}

/** Programs are not attached while a live patch goes in or out, unless that takes so long that nobody would be watching. */
function awaitPatch(): void {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + PATCH_WAIT_MS;
  while (isLocked(PATCH_LOCK) && performance.now() < end) Atomics.wait(nap, 0, 0, PATCH_LOOK_MS);
}

function run(): void {
  takePrecedence();
  const doorbell = new Doorbell(start.doorbell);
  let engine = RuleEngine.load(start.rules);
  awaitPatch();
  const probe = openSource();
  const unseen = probe.watchCalls(engine.watchedEvents, engine.contentEvents);
  probe.askEnvironment(engine.asksEnvironment);
  const throttle = new Throttle();
  const lane = new AlertLane(start.alertSocket);
  const raise = (alert: Alert, matchedNs: number): void => {
    const json = JSON.stringify(alert);
    say({ type: 'alert', matchedNs, json, told: lane.write(alertLine(json, matchedNs, null)) });
  };
  const complain = (rule: string, priority: Alert['priority'], said: Text): void => {
    const kernelNs = monotonicNs();
    raise(selfAlert(rule, priority, said, { wallMs: Date.now(), kernelNs }), kernelNs);
  };
  const watches = new ActivityWatches(say, start.onTheWay);
  const keeper = new EventKeeper(say, start.onTheWay);
  /** Calls that rules or people ask for. */
  const wantedEvents = (): ReadonlySet<string> => new Set([...engine.watchedEvents, ...watches.events]);
  const wantedContent = (): ReadonlySet<string> => new Set([...engine.contentEvents, ...watches.contentEvents]);
  let isHeld = false;
  /** Attaches to what is asked for; while a live patch goes in or out, as soon as that is over. */
  const watchCalls = (): Probe['coverage']['missing'] => {
    isHeld = isLocked(PATCH_LOCK);
    return isHeld ? [PATCH_GOES_IN] : probe.watchCalls(wantedEvents(), wantedContent());
  };
  /** Where calls of 32 bits are not seen, whoever makes them is told of by the program that begins. */
  let blindFor32 = false;
  const told32 = new Seldom();
  const tell32 = (event: KernelEvent): void => {
    const rule = 'Program of 32 bits is not seen';
    const container = event.container?.id ?? '';
    const now = Date.now();
    if (!told32.admits(`${container} ${event.process.exePath}`, now)) return;
    const stands = throttle.admits(rule, container, now);
    if (stands === 0) return;
    const kernelNs = monotonicNs();
    const program = escapeControls(event.process.exePath);
    const said = {
      en: `The calls of a 32-bit program are not seen on this host: ${program}`,
      es: `En este host no se ven las llamadas de un programa de 32 bits: ${program}`,
    };
    const self = selfAlert(rule, 'warning', said, { wallMs: now, kernelNs });
    const alert = { ...self, container: event.container, ...describeProcess(event) };
    raise(throttle.told(rule, container, alert, stands), kernelNs);
  };
  const toldFeigned = new Seldom();
  const tellFeigned = (event: KernelEvent): void => {
    const rule = 'Control group named like a container';
    const now = Date.now();
    if (!toldFeigned.admits(`${event.process.uid} ${event.process.exePath}`, now)) return;
    const stands = throttle.admits(rule, '', now);
    if (stands === 0) return;
    const kernelNs = monotonicNs();
    const program = escapeControls(event.process.exePath);
    const said = {
      en: `A program of the host runs in a control group that has the name of a container of the platform, which it is not in: ${program}`,
      es: `Un programa del host se ejecuta en un grupo de control con el nombre de un contenedor de la plataforma, en el que no está: ${program}`,
    };
    const self = selfAlert(rule, 'warning', said, { wallMs: now, kernelNs });
    raise(throttle.told(rule, '', { ...self, ...describeProcess(event) }, stands), kernelNs);
  };
  /** Of the rules in force now. */
  const toldFailures = new Set<string>();
  const tellFailures = (): void => {
    for (const [rule, why] of engine.failed) {
      if (toldFailures.has(rule)) continue;
      toldFailures.add(rule);
      complain('Rule failed', 'critical', {
        en: `The rule "${escapeControls(rule)}" failed; the others go on: ${escapeControls(why)}`,
        es: `La regla "${escapeControls(rule)}" falló; las demás siguen: ${escapeControls(why)}`,
      });
    }
  };
  const judge = (event: KernelEvent): void => {
    if (blindFor32 && event.type === RECORD.exec && (event.process.exeFlags & EXE_FLAG.of32Bits) !== 0) tell32(event);
    if (event.container === null && event.hasFlag(RECORD_FLAG.feigned)) {
      tellFeigned(event);
      if (!start.hostToo) return;
    }
    if (!watches.isEmpty) watches.take(event);
    if (keeper.isOn) keeper.take(event);
    const held = engine.match(event);
    if (engine.failed.size > toldFailures.size) tellFailures();
    if (held === null) return;
    const matchedNs = monotonicNs();
    const now = Date.now();
    for (const index of held) {
      try {
        if (!engine.fires(event, index)) continue;
        const rule = engine.ruleName(event.type, index);
        const container = event.container?.id ?? '';
        const stands = throttle.admits(rule, container, now);
        if (stands > 0) raise(throttle.told(rule, container, engine.makeAlert(event, index), stands), matchedNs);
      } catch (error) {
        engine.fail(event.type, index, error);
        tellFailures();
      }
    }
  };
  const watcher = new Watcher(probe, judge, {
    onlyTold: start.scope === 'instance',
    hostToo: start.hostToo,
    compareLater: (comparison) => say({ type: 'compare', ...comparison }),
  });
  probe.poller.add(doorbell.fd);
  say(summarize(engine, true, null));
  if (engine.hostNames.length > 0) say({ type: 'host-names', names: engine.hostNames });
  collectGarbage();
  const coverage = { ...probe.coverage, missing: [...probe.coverage.missing, ...unseen] };
  say({ type: 'ready', coverage, resumed: probe.isResumed });
  blindFor32 = coverage.missing.some(({ what }) => what === CALLS_OF_32_BITS);
  if (probe.wasCut) {
    const since = probe.isResumed
      ? { en: 'was kept by the kernel', es: 'lo guardó el núcleo' }
      : { en: 'was not seen', es: 'no se vio' };
    complain('Sensor ended from outside', 'warning', {
      en: `The sensor before this one was killed or failed; what happened since then ${since.en}`,
      es: `Al sensor anterior lo terminaron, o falló; lo ocurrido desde entonces ${since.es}`,
    });
  }
  const guard = new Guard(() => probe.missingNames(), [process.execPath, import.meta.filename, probe.objectFile]);
  /** Answers whether the sensor can go on. */
  const stayOnGuard = (nowMs: number): boolean => {
    const found = guard.look(nowMs);
    for (const { kind, names } of found) {
      const list = names.join(', ');
      if (kind === 'replaced')
        complain('Sensor replaced', 'critical', {
          en: `Files that the sensor runs from were changed: ${list}`,
          es: `Cambiaron archivos desde los que se ejecuta el sensor: ${list}`,
        });
      else
        complain('Sensor detached', 'critical', {
          en: `Parts of the sensor in the kernel were taken away: ${list}; it starts anew`,
          es: `Quitaron partes del sensor en el núcleo: ${list}; arranca de nuevo`,
        });
    }
    return !found.some(({ kind }) => kind === 'detached');
  };

  /** Whether what control ordered is at work, which one with mistakes does not replace. */
  let hasTaken = false;
  const shipped = new Set(start.rules.map(({ file }) => file));
  /** Taking up what reading rules left behind takes as long as a ring lasts in a flood: it waits for a quiet moment. */
  let isLittered = false;
  let trimmedMs = Date.now();
  const tidy = (now: number): void => {
    if (!isLittered && Math.abs(now - trimmedMs) < TRIM_MS) return;
    if (isLittered) collectGarbage();
    else trimMemory();
    isLittered = false;
    trimmedMs = now;
  };
  const take = (next: RuleEngine): void => {
    engine = next;
    toldFailures.clear();
    watchCalls();
    probe.askEnvironment(engine.asksEnvironment);
    say({ type: 'host-names', names: engine.hostNames });
  };
  /** Does it step by step: the rings hold what comes in some milliseconds, and all of it takes longer. */
  const whileReading = <T>(steps: Generator<void, T>): T => {
    let readMs = performance.now();
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      if (performance.now() - readMs < READ_EVERY_MS) continue;
      probe.fill();
      for (let batches = 0; batches < BATCHES_MAX && watcher.drain(); batches++);
      readMs = performance.now();
    }
  };
  const reload = ({ files, tunings, revision }: Extract<ToWorker, { type: 'rules' }>): void => {
    const next = whileReading(readingRules(RuleEngine.loading(files, tunings)));
    isLittered = true;
    if (!(next instanceof RuleEngine)) {
      say({ type: 'rules', revision, accepted: false, reason: reasonOf([next]), rules: [], findings: [next] });
      return;
    }
    const findings = [...next.findings];
    if (!next.hasErrors) {
      hasTaken = true;
      take(next);
    } else if (!hasTaken && files.filter(({ file }) => shipped.has(file)).length === shipped.size) {
      const sound = whileReading(readingRules(RuleEngine.loadingSound(files, shipped, tunings)));
      if (sound instanceof RuleEngine) take(sound);
      else findings.push(sound);
    }
    // What was wrong leaves the old rules at work; where there are none yet, the files without mistakes count.
    say(summarize(next, !next.hasErrors, revision, findings));
  };
  const watch = (order: Extract<ToWorker, { type: 'watch' }>['watch']): void => {
    const why = watches.start(order);
    const unseen = watches.unseenOf(order.id).map((what) => ({ what, why: NO_SENSOR }));
    const missing = why === null ? [...watchCalls(), ...unseen] : [];
    say({ type: 'watching', watch: order.id, why, missing });
  };
  const unwatch = (id: string | null): void => {
    watches.stop(id);
    watchCalls();
  };
  const recordings = new CallRecordings(say);
  /** What is forbidden in which container; null until the agent said so. */
  let guards: ReadonlyMap<string, ContainerGuard> | null = null;
  const setGuards = (wanted: readonly ContainerGuard[]): void => {
    tellMet(); // what was met by the orders of before
    guards = new Map(wanted.map((one) => [one.containerId, one]));
    say({ type: 'guarded', ...probe.guards.set(wanted.map(kernelGuardOf)) });
  };
  const tellMet = (): void => {
    if (guards === null) return;
    const known = guards;
    probe.guards.drain((met) => {
      const rule = known.get(met.containerId)?.rules[met.rule];
      if (rule === undefined) return;
      const { policy, part } = rule;
      const key = `prevention ${policy} ${part}`;
      const stands = throttle.admits(key, met.containerId, Date.now());
      if (stands === 0) return;
      const container = watcher.toldOf(met.containerId);
      const alert = alertOfMet(met, rule, container, watcher.lineage(met.pid, ANCESTORS_MAX));
      raise(throttle.told(key, met.containerId, alert, stands), monotonicNs());
    });
  };
  let running = true;
  const hear = (message: ToWorker): void => {
    if (message.type === 'containers') watcher.tell(message.containers, message.places);
    else if (message.type === 'names') watcher.learnNames(new Map(message.found));
    else if (message.type === 'compared') watcher.compared(message.id, message.isSame);
    else if (message.type === 'guards') setGuards(message.guards);
    else if (message.type === 'rules') reload(message);
    else if (message.type === 'watch') watch(message.watch);
    else if (message.type === 'unwatch') unwatch(message.id);
    else if (message.type === 'keep') {
      keeper.isOn = message.on;
      // Said again, it asks for what there is by now.
      if (message.on) keeper.end();
    } else if (message.type === 'record') recordings.take(message);
    else if (message.type === 'record-none') recordings.close();
    else running = false;
  };

  let lostBefore = probe.isResumed ? probe.toldLosses() : probe.counts().lost;
  let checkedMs = Date.now();
  let lookedMs = checkedMs;
  let worstLagMs = 0;
  const losses = new LossWord();
  const lags = new LagWord();
  /** Between these something was lost that is not told yet. */
  let blind: { readonly fromMs: number; readonly toMs: number } | null = null;
  /** Whether anything was lost must be known within a second; all else of the counters has more time. */
  const tellLosses = (now: number, until = now): ReturnType<typeof probe.counts> => {
    const counts = probe.counts();
    const { lost } = counts;
    const newly = Object.entries(lost)
      .map(([type, n]) => [type, n - (lostBefore[type] ?? 0)] as const)
      .filter(([, n]) => n > 0);
    if (newly.length > 0) blind = { fromMs: blind?.fromMs ?? lookedMs, toMs: now };
    const sentence = losses.say(newly, until);
    if (sentence !== null) {
      const { fromMs, toMs } = blind ?? { fromMs: lookedMs, toMs: now };
      // Of a flood that goes on one word a minute: each becomes a fact of the journal, which is kept.
      say({ type: 'gap', from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() });
      complain('Sensor lost events', 'warning', sentence);
      // What is not told yet is told by the next sensor, if this one is killed.
      probe.rememberTold(lost);
      blind = null;
    }
    lostBefore = lost;
    lookedMs = now;
    return counts;
  };
  /** @param until what waits to be told together waits no longer than until then */
  const tellStats = (until = Date.now()): void => {
    const now = Date.now();
    const { seen, lost } = tellLosses(now, until);
    checkedMs = now;
    const { handled, hurried, processCount } = watcher;
    const lagMs = worstLagMs;
    worstLagMs = 0;
    for (const alert of throttle.leftovers(until)) raise(alert, monotonicNs());
    say({
      type: 'stats',
      events: handled,
      seen,
      lost,
      lagMs,
      processes: processCount,
      hurried,
      heldBack: throttle.heldBack,
      tuned: Object.fromEntries(engine.tuned),
    });
  };

  const pace = new Pace();
  let tickedMs = 0;
  while (running) {
    probe.poller.wait(watches.isEmpty ? TICK_MS : FLUSH_MS);
    doorbell.clear();
    for (;;) {
      const received = receiveMessageOnPort(port);
      if (received === undefined) break;
      hear(received.message as ToWorker);
    }
    const before = watcher.handled;
    probe.fill();
    let more = watcher.drain();
    // A flood must not keep messages and counters from their turn.
    for (let batches = 0; more && batches < BATCHES_MAX; batches++) more = watcher.drain();
    if (more) doorbell.ring();
    const now = Date.now();
    if (watcher.handled - before < QUIET_EVENTS_MAX) tidy(now);
    tellMet();
    if (!watches.isEmpty) watches.flush(now);
    // The clock may be set back, which must not keep any of this from its turn.
    if (Math.abs(now - tickedMs) >= TICK_MS) {
      tickedMs = now;
      keeper.flush(now);
      watcher.tick();
      if (isHeld) watchCalls();
      const ids = watcher.strangers().filter((id) => CONTAINER_ID.test(id));
      if (ids.length > 0) say({ type: 'strangers', ids });
      lane.connect();
      // What is gone cannot be hung in again by halves: a new start loads all of it.
      if (!stayOnGuard(now)) running = false;
      if (Math.abs(now - checkedMs) >= STATS_MS) tellStats();
      else tellLosses(now);
      const lagMs = watcher.takeLagMs();
      worstLagMs = Math.max(worstLagMs, lagMs);
      const late = lags.say(lagMs, now);
      if (late !== null) complain('Sensor lags', 'warning', late);
    }
    if (!more) pace.rest(watcher.handled - before, performance.now());
  }
  tellStats(Number.POSITIVE_INFINITY);
  keeper.end();
  lane.close();
  recordings.close();
  probe.close();
  port.close();
}

try {
  run();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  const { what, why, remedy } = error.text('en');
  const text = [what, why, remedy].filter((part) => part !== undefined && part !== '').join('; ');
  say({ type: 'fault', code: error.code, text, exitCode: error.kind === 'needs' ? 3 : 1 });
  port.close();
}

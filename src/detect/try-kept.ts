/** Rules on what a host kept of its last days: what they would have found. Runs in a process of its own, with a deadline. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  eventsOfBatch,
  KEPT_LANES,
  type KeptBlock,
  type KeptLane,
  keptBlocks,
  readKeptFileName,
} from '../events/capture/index.ts';
import { describeActivity, EVENT_NAMES, type KernelEvent, PathNames } from '../events/index.ts';
import { loadDraft } from './draft.ts';
import { asksContent, entriesOf, RuleEngine, type RuleText } from './engine.ts';
import { KEPT_COUNTS_MAX, KEPT_EXAMPLES_EACH, KEPT_EXAMPLES_MAX, KEPT_OUTPUT_LENGTH_MAX } from './limits.ts';
import type { Finding } from './rule-file.ts';
import type { Tuning } from './tuning.ts';

export interface KeptQuestion {
  /** Whose rules are asked for; null: `rules`. */
  readonly draft: RuleText | null;
  /** Names of rules in force, when there is no draft. */
  readonly rules: readonly string[];
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Events in containers of these projects; null: of all, and of none. */
  readonly projects: readonly string[] | null;
  readonly environment: string | null;
  readonly workload: string | null;
}

/** How often a rule held on a day (UTC) in a place. */
export interface KeptCount {
  readonly rule: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  /** `2027-01-31` */
  readonly day: string;
  readonly matches: number;
}

export interface KeptMatch {
  readonly at: string;
  readonly rule: string;
  readonly priority: string;
  readonly event: string;
  readonly output: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  readonly process: string;
  readonly pid: number;
}

export interface KeptAnswer {
  /** RFC 3339: the oldest and the last event that the host has, whatever was asked; null when it has none. */
  readonly from: string | null;
  readonly to: string | null;
  /** The oldest open of a file: opens have room of their own, and are often forgotten sooner. */
  readonly opensFrom: string | null;
  /** Null where only projects were asked for: it is a sum of everybody's. */
  readonly bytes: number | null;
  /** Tried, of the time that was asked for. */
  readonly events: number;
  /** Events of that time that the host could not keep; null as above. */
  readonly missing: number | null;
  /** The host could not keep all of that time, whoever's it was. */
  readonly lossy: boolean;
  /** Parts of files that could not be read. */
  readonly damaged: number;
  /** All that was kept from then on was tried: there was no time for what is older. Null: all of the time that was asked for. */
  readonly completeFrom: string | null;
  /** Up to where it got when even that took longer than was reckoned; null: to the end. */
  readonly stoppedAt: string | null;
  readonly milliseconds: number;
  readonly rules: readonly { readonly name: string; readonly priority: string; readonly off: string | null }[];
  readonly counts: readonly KeptCount[];
  /** Matches beyond the number of counts. */
  readonly uncounted: number;
  /** A few of each count. */
  readonly examples: readonly KeptMatch[];
  readonly findings: readonly Finding[];
}

export interface KeptGround {
  readonly folder: string;
  /** In force on this host: those of the platform first. */
  readonly files: readonly RuleText[];
  readonly tunings: readonly Tuning[];
  readonly deadlineMs: number;
}

const NOT_KEPT = 'it asks for what calls move (evt.buffer), which no host keeps';

/** @param now milliseconds, of whatever clock */
export function tryKept(question: KeptQuestion, ground: KeptGround, now: () => number = Date.now): KeptAnswer {
  const beganMs = now();
  const { folder, files, tunings, deadlineMs } = ground;
  const { draft } = question;
  const { engine, states: asked } =
    draft === null ? loadNamed(files, tunings, question.rules) : loadDraft(files, draft, tunings);
  const names = new Set(asked.map(({ rule }) => rule.name));
  const reader = new KeptReader(folder, question, { now, endMs: beganMs + deadlineMs });
  // Whether conditions hold does not depend on what came before: only `fires` remembers.
  reader.beginInTime((event) => engine.match(event));
  const counts = new Map<string, { count: KeptCount; matches: number }>();
  const examples: KeptMatch[] = [];
  let [events, uncounted] = [0, 0];
  for (const event of reader.events()) {
    events++;
    for (const held of engine.match(event) ?? []) {
      const rule = engine.ruleName(event.type, held);
      if (!names.has(rule) || !engine.fires(event, held)) continue;
      const { project = null, environment = null, workload = null } = event.container ?? {};
      const day = timeOf(event).slice(0, 10);
      const key = JSON.stringify([rule, project, environment, workload, day]);
      let one = counts.get(key);
      if (one === undefined && counts.size < KEPT_COUNTS_MAX) {
        one = { count: { rule, project, environment, workload, day, matches: 0 }, matches: 0 };
        counts.set(key, one);
      }
      if (one === undefined) uncounted++;
      else if (++one.matches <= KEPT_EXAMPLES_EACH && examples.length < KEPT_EXAMPLES_MAX)
        examples.push(describeMatch(event, engine, held));
    }
  }
  // Who may see some projects learns nothing of how busy the others are.
  const isBound = question.projects !== null;
  return {
    ...reader.span(),
    ...(isBound ? { bytes: null } : {}),
    ...{ events, damaged: reader.damaged, uncounted, examples },
    ...{ missing: isBound ? null : reader.missing, lossy: reader.missing > 0 },
    completeFrom: reader.sinceMs > question.sinceMs ? timeText(reader.sinceMs) : null,
    stoppedAt: reader.stoppedAtMs === null ? null : timeText(reader.stoppedAtMs),
    milliseconds: now() - beganMs,
    rules: asked.map(({ rule, offReason }) => {
      // Of a rule that failed, or that asks for what is not kept, none found says nothing.
      const moved = entriesOf(rule).some(({ filter }) => asksContent(filter)) ? NOT_KEPT : null;
      const off = offReason ?? engine.failed.get(rule.name) ?? moved;
      return { name: rule.name, priority: rule.priority, off };
    }),
    counts: [...counts.values()].map(({ count, matches }) => ({ ...count, matches })),
    findings: draft === null ? [] : engine.findings.filter(({ file }) => file === draft.file),
  };
}

/** The last that happened in a container, as evidence wants it. */
export interface LastQuestion {
  readonly containerId: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Events, and characters of all of them together. */
  readonly most: number;
  readonly lengthMax: number;
}

export interface LastAnswer {
  /** Oldest first, each as a line of JSON. */
  readonly lines: readonly string[];
  /** Events of that time that are not among them: there were more, the host could not keep them, or there was no time. */
  readonly left: number;
  readonly missing: number;
  readonly damaged: number;
}

export function lastKept(
  question: LastQuestion,
  ground: Pick<KeptGround, 'folder' | 'deadlineMs'>,
  now: () => number = Date.now,
): LastAnswer {
  const { containerId, sinceMs, untilMs, most, lengthMax } = question;
  const all = { draft: null, rules: [], projects: null, environment: null, workload: null };
  const reader = new KeptReader(ground.folder, { ...all, sinceMs, untilMs }, { now, endMs: now() + ground.deadlineMs });
  reader.beginInTime((event) => event.container?.id);
  const lines: string[] = [];
  let [length, left] = [0, 0];
  for (const event of reader.events()) {
    if (event.container?.id !== containerId) continue;
    const line = JSON.stringify(describeActivity(event, true));
    lines.push(line);
    length += line.length;
    while (lines.length > most || length > lengthMax) {
      length -= lines.shift()?.length ?? 0;
      left++;
    }
  }
  const { missing, damaged } = reader;
  return { lines, left, missing: missing + (reader.sinceMs > sinceMs || reader.stoppedAtMs !== null ? 1 : 0), damaged };
}

function loadNamed(files: readonly RuleText[], tunings: readonly Tuning[], names: readonly string[]) {
  const engine = RuleEngine.load(files, tunings);
  return { engine, states: engine.states.filter(({ rule }) => names.includes(rule.name)) };
}

function describeMatch(event: KernelEvent, engine: RuleEngine, held: number): KeptMatch {
  const { rule, priority, output, at } = engine.makeAlert(event, held);
  const { process, container } = event;
  return {
    ...{ at, rule, priority, event: EVENT_NAMES[event.type] ?? '' },
    output: output.length > KEPT_OUTPUT_LENGTH_MAX ? `${output.slice(0, KEPT_OUTPUT_LENGTH_MAX)}…` : output,
    project: container?.project ?? null,
    environment: container?.environment ?? null,
    workload: container?.workload ?? null,
    pod: container?.pod ?? null,
    container: container?.container ?? container?.name ?? null,
    process: process.name,
    pid: process.pid,
  };
}

/** What a date can be. */
const TIME_MS_MAX = 8.64e15;
/** No machine is so slow, in events a millisecond: what is less is read without a trial. */
const SLOWEST_PER_MS = 5;
/** Of the time, for each lane twice: until the code is warm, and to measure it. */
const TRIAL_SHARE = 0.02;
/** Of the time that is left: older events may cost more than those that were measured, and the machine has other work. */
const RECKONED_SHARE = 0.7;

/** Reads the files of both lanes and hands out their events in the order of time. */
class KeptReader {
  readonly #folder: string;
  readonly #question: KeptQuestion;
  readonly #now: () => number;
  readonly #endMs: number;
  /** Oldest first. */
  readonly #files: readonly { readonly name: string; readonly lane: KeptLane }[];
  readonly #paths = new PathNames();
  missing = 0;
  damaged = 0;
  /** From when on events are handed out. */
  sinceMs: number;
  /** Up to when they were, when the time ended first. */
  stoppedAtMs: number | null = null;

  constructor(folder: string, question: KeptQuestion, time: { readonly now: () => number; readonly endMs: number }) {
    this.#folder = folder;
    this.#question = question;
    this.#now = time.now;
    this.#endMs = time.endMs;
    this.sinceMs = question.sinceMs;
    this.#files = readdirSync(folder)
      .flatMap((name) => {
        const read = readKeptFileName(name);
        return read === null ? [] : [{ name, ...read }];
      })
      .sort((one, other) => one.beganMs - other.beganMs);
  }

  /**
   * Begins so late that the time suffices: events are read in their order, as rules over time want it, and it is the newest
   * that people ask about.
   */
  beginInTime(tryOne: (event: KernelEvent) => void): void {
    const blocks: { readonly lane: KeptLane; readonly lastMs: number; readonly events: number }[] = [];
    for (const lane of KEPT_LANES)
      for (const { lastMs, events } of this.#newest(lane)) blocks.push({ lane, lastMs, events });
    const wholeMs = this.#endMs - this.#now();
    const total = blocks.reduce((sum, { events }) => sum + events, 0);
    if (total <= wholeMs * SLOWEST_PER_MS) return;
    const cost = {
      others: this.#costOf('others', wholeMs * TRIAL_SHARE, tryOne),
      opens: this.#costOf('opens', wholeMs * TRIAL_SHARE, tryOne),
    };
    let leftMs = (this.#endMs - this.#now()) * RECKONED_SHARE;
    blocks.sort((one, other) => other.lastMs - one.lastMs);
    for (const { lane, lastMs, events } of blocks) {
      leftMs -= events * cost[lane];
      if (leftMs >= 0) continue;
      this.sinceMs = Math.max(this.sinceMs, Math.min(lastMs, this.#question.untilMs));
      return;
    }
  }

  /** Milliseconds an event, of the newest. */
  #costOf(lane: KeptLane, trialMs: number, tryOne: (event: KernelEvent) => void): number {
    const beganMs = this.#now();
    let [events, warmMs, warmEvents] = [0, beganMs, 0];
    for (const block of this.#newest(lane)) {
      try {
        for (const event of eventsOfBatch(block.unpack(), this.#paths)) if (this.#isAskedFor(event)) tryOne(event);
      } catch (error) {
        // It is counted when its turn comes.
        if (!(error instanceof Error)) throw error;
      }
      events += block.events;
      const nowMs = this.#now();
      if (warmEvents === 0 && nowMs - beganMs >= trialMs) [warmMs, warmEvents] = [nowMs, events];
      if (nowMs - beganMs >= 2 * trialMs && events > warmEvents) break;
    }
    return events === warmEvents ? 0 : (this.#now() - warmMs) / (events - warmEvents);
  }

  *events(): Generator<KernelEvent, void> {
    const lanes = KEPT_LANES.map((lane) => this.#lane(lane));
    const heads = lanes.map((lane) => lane.next().value);
    const times = heads.map(timeOfHead);
    for (;;) {
      const place = (times[0] ?? 0) <= (times[1] ?? 0) ? 0 : 1;
      const head = heads[place] ?? null;
      if (head === null) return;
      if (typeof head === 'number') {
        if (this.#now() > this.#endMs) {
          this.stoppedAtMs = head;
          return;
        }
      } else yield head;
      heads[place] = lanes[place]?.next().value ?? null;
      times[place] = timeOfHead(heads[place] ?? null);
    }
  }

  /** What there is, whatever was asked. */
  span(): Pick<KeptAnswer, 'from' | 'to' | 'opensFrom' | 'bytes'> {
    let [from, to, opensFrom] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY];
    let bytes = 0;
    for (const lane of ['others', 'opens'] as const) {
      const own = this.#files.filter((one) => one.lane === lane);
      const there = own.flatMap(({ name }) => {
        const size = statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0;
        bytes += size;
        return size === 0 ? [] : [name];
      });
      const blocks = [there.at(0), there.at(-1)].flatMap((name) =>
        name === undefined ? [] : [...keptBlocks(this.#bytesOf(name))],
      );
      for (const { firstMs, lastMs } of blocks) {
        from = Math.min(from, firstMs);
        to = Math.max(to, lastMs);
        if (lane === 'opens') opensFrom = Math.min(opensFrom, firstMs);
      }
    }
    return { from: timeText(from), to: timeText(to), opensFrom: timeText(opensFrom), bytes };
  }

  /** Where a block begins comes before its events, also when none of them is asked for. */
  *#lane(lane: KeptLane): Generator<KernelEvent | number, null> {
    const { untilMs } = this.#question;
    const own = this.#files.filter((one) => one.lane === lane);
    for (const { name } of own) {
      const blocks = keptBlocks(this.#bytesOf(name));
      for (;;) {
        const { done, value: block } = blocks.next();
        if (done) {
          // At the end of the last the agent may be writing just now.
          if (block > 0 && name !== own.at(-1)?.name) this.damaged++;
          break;
        }
        if (block.lastMs < this.sinceMs || block.firstMs > untilMs) continue;
        yield Math.max(block.firstMs, this.sinceMs);
        this.missing += block.missing;
        try {
          for (const event of eventsOfBatch(block.unpack(), this.#paths)) {
            const atMs = event.wallTimeNs / 1e6;
            if (atMs >= this.sinceMs && atMs <= untilMs && this.#isAskedFor(event)) yield event;
          }
        } catch (error) {
          // A file that rotted, or a batch that was no batch: the others are as good as before.
          if (!(error instanceof Error)) throw error;
          this.damaged++;
        }
      }
    }
    return null;
  }

  /** The blocks of a lane that are asked for, newest first. */
  *#newest(lane: KeptLane): Generator<KeptBlock & { readonly unpack: () => Buffer }, void> {
    const { sinceMs, untilMs } = this.#question;
    for (const { name, lane: own } of this.#files.toReversed()) {
      if (own !== lane) continue;
      for (const block of [...keptBlocks(this.#bytesOf(name))].reverse())
        if (block.lastMs >= sinceMs && block.firstMs <= untilMs) yield block;
    }
  }

  /** None of a file that became too old meanwhile: the agent takes it away. */
  #bytesOf(name: string): Buffer {
    try {
      return readFileSync(join(this.#folder, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return Buffer.alloc(0);
    }
  }

  #isAskedFor({ container }: KernelEvent): boolean {
    const { projects, environment, workload } = this.#question;
    if (projects !== null && (container?.project == null || !projects.includes(container.project))) return false;
    if (environment !== null && container?.environment !== environment) return false;
    return workload === null || container?.workload === workload;
  }
}

/** A lane that has ended comes after all that is to come. */
function timeOfHead(head: KernelEvent | number | null): number {
  if (head === null) return Number.POSITIVE_INFINITY;
  return typeof head === 'number' ? head : head.wallTimeNs / 1e6;
}

function timeOf(event: KernelEvent): string {
  return new Date(event.wallTimeNs / 1e6).toISOString();
}

/** RFC 3339; null for what is no time. */
function timeText(ms: number): string | null {
  return ms > 0 && ms <= TIME_MS_MAX ? new Date(ms).toISOString() : null;
}

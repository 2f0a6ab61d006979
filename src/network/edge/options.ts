import { isIP } from 'node:net';
import { canonicalJson, type Json } from '../../system/index.ts';
import {
  EDGE_BODY_BYTES_MAX,
  EDGE_LIST_MAX,
  EDGE_PATTERN_CHARACTERS_MAX,
  EDGE_RATE_MAX,
  EDGE_RATE_SECONDS_MAX,
  EDGE_TIMEOUT_SECONDS_MAX,
} from '../limits.ts';
import { isAddressBlock } from '../segmentation/policy.ts';

/** How the edge treats the requests of a route, beside sending them on. All of it plain data; what is absent has no effect. */
export interface RouteOptions {
  /** HTTP/2 without TLS to the replicas, as gRPC needs it. */
  readonly h2c?: true;
  /** One client stays with one replica: by a cookie of the edge, or by its address. */
  readonly sticky?: 'cookie' | 'address';
  /** Requests of one client (an IPv4 address, an IPv6 /64) within so many seconds; more are answered 429. */
  readonly rate?: { readonly requests: number; readonly seconds: number };
  /** A longer request is answered 413, one that does not say its length 411. */
  readonly bodyBytesMax?: number;
  /** How long a replica may take to answer. */
  readonly answerSeconds?: number;
  /** How long a WebSocket or another tunnel may be silent. */
  readonly quietSeconds?: number;
  /** What is answered 403. Paths: `/x` with all below it, or `*.x` by its end. Agents: parts of the name, in any case. */
  readonly denyPaths?: readonly string[];
  readonly denyMethods?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly denyAgents?: readonly string[];
  readonly denyNetworks?: readonly string[];
  readonly allowNetworks?: readonly string[];
}

export const METHOD = /^[A-Z]{1,20}$/;
/** In the form a path has when it is compared: decoded, in lower case, without `//` and parameters. */
export const DENIED_PATH = /^(?:\/|\*\.)[a-z0-9._~/@+=,-]{0,255}$/;
/** Without what quotes, comments or continues a word in HAProxy's configuration. */
export const AGENT = /^[A-Za-z0-9 ._/;:()+-]{1,100}$/;

const LISTS = [
  ['denyPaths', (text: string) => DENIED_PATH.test(text)],
  ['denyMethods', (text: string) => METHOD.test(text)],
  ['allowMethods', (text: string) => METHOD.test(text)],
  ['denyAgents', (text: string) => AGENT.test(text)],
  ['denyNetworks', isNetwork],
  ['allowNetworks', isNetwork],
] as const;

/** An address of either family or a block of them, without a zone. */
export function isNetwork(text: string): boolean {
  return !text.includes('%') && (isIP(text) !== 0 || isAddressBlock(text));
}

/** What is wrong with options before they become lines of configuration; null when nothing is. */
export function faultOfOptions(options: RouteOptions, listMost = EDGE_LIST_MAX): string | null {
  const { sticky, rate, bodyBytesMax, answerSeconds, quietSeconds } = options;
  const whole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  if (sticky !== undefined && sticky !== 'cookie' && sticky !== 'address') return `${sticky} is no kind of stickiness`;
  if (rate !== undefined && !(whole(rate.requests, EDGE_RATE_MAX) && whole(rate.seconds, EDGE_RATE_SECONDS_MAX)))
    return `${rate.requests} requests in ${rate.seconds} s is no rate`;
  if (bodyBytesMax !== undefined && !whole(bodyBytesMax, EDGE_BODY_BYTES_MAX))
    return `${bodyBytesMax} is no body limit`;
  for (const seconds of [answerSeconds, quietSeconds]) {
    if (seconds !== undefined && !whole(seconds, EDGE_TIMEOUT_SECONDS_MAX)) return `${seconds} s is no timeout`;
  }
  for (const [name, isSound] of LISTS) {
    const list = options[name] ?? [];
    const odd = list.find((text) => text.length > EDGE_PATTERN_CHARACTERS_MAX || !isSound(text));
    if (odd !== undefined) return `${name}: ${JSON.stringify(odd).slice(0, 80)} is not understood`;
    if (list.length > listMost) return `${name} has more than ${listMost} entries`;
  }
  return null;
}

/** Equal options have equal keys; no options, an empty one. */
export function keyOfOptions(options: RouteOptions | undefined): string {
  return options === undefined || Object.keys(options).length === 0 ? '' : canonicalJson(options as unknown as Json);
}

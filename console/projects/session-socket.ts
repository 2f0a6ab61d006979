import { apiAddress } from '../api/client.ts';
import type { Problem } from '../api/types.ts';

/** A frame of a session: one byte kind, four bytes length (big-endian), payload; as the command line speaks it. */
const FRAME = { stdin: 0, stdout: 1, stderr: 2, resize: 3, exit: 4, fault: 5 } as const;
const HEAD_BYTES = 5;
const FRAME_BYTES_MAX = 1024 * 1024;
/** How often the other side is told what was shown; it sends at most a megabyte more than that. */
const TELL_BYTES = 64 * 1024;

/** A fault as hosts and control send it over a session, in both languages. */
interface SessionFault {
  readonly code: string;
  readonly kind: string;
  readonly en: { readonly what: string; readonly why?: string; readonly remedy?: string };
  readonly es: { readonly what: string; readonly why?: string; readonly remedy?: string };
}

export type SessionEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'fault'; readonly problem: Problem }
  /** The connection went without a word. */
  | { readonly kind: 'cut' };

/** What is typed before the session stands is sent then: a container on a busy host takes its time. */
const EARLY_FRAMES_MAX = 256;

export interface SessionSocket {
  type(text: string): void;
  resize(columns: number, rows: number): void;
  close(): void;
}

/**
 * Opens a session with a container. `show` is given what the command writes and calls back once it is drawn; `ended` is
 * called once, unless this side closed it.
 */
export function openSessionSocket(
  path: string,
  on: {
    readonly opened: () => void;
    readonly show: (bytes: Uint8Array, drawn: () => void) => void;
    readonly ended: (end: SessionEnd) => void;
  },
): SessionSocket {
  const address = new URL(apiAddress(path), location.href);
  address.protocol = 'wss:';
  const socket = new WebSocket(address, ['darsena-session']);
  socket.binaryType = 'arraybuffer';
  const encoder = new TextEncoder();
  let rest = new Uint8Array();
  let end: SessionEnd = { kind: 'cut' };
  const early: Uint8Array<ArrayBuffer>[] = [];
  let isClosed = false;
  let shown = 0;
  let told = 0;

  const drawn = (bytes: number): void => {
    shown += bytes;
    if (shown - told < TELL_BYTES || socket.readyState !== WebSocket.OPEN) return;
    told = shown;
    socket.send(String(shown));
  };
  const take = (kind: number, payload: Uint8Array): void => {
    const whole = payload.length + HEAD_BYTES;
    if (kind === FRAME.stdout || kind === FRAME.stderr) {
      on.show(payload, () => drawn(whole));
      return;
    }
    drawn(whole);
    if (kind === FRAME.exit) end = { kind: 'exit', code: (readJson(payload) as { code: number }).code };
    else if (kind === FRAME.fault) end = { kind: 'fault', problem: problemOf(readJson(payload) as SessionFault) };
  };
  const send = (kind: number, payload: Uint8Array): void => {
    if (socket.readyState > WebSocket.OPEN) return;
    const frame = new Uint8Array(HEAD_BYTES + payload.length);
    frame[0] = kind;
    new DataView(frame.buffer).setUint32(1, payload.length);
    frame.set(payload, HEAD_BYTES);
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    else if (early.length < EARLY_FRAMES_MAX) early.push(frame);
  };

  socket.onopen = () => {
    for (const frame of early.splice(0)) socket.send(frame);
    on.opened();
  };
  socket.onmessage = ({ data }) => {
    const chunk = new Uint8Array(data as ArrayBuffer);
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = new DataView(bytes.buffer).getUint32(at + 1);
      if (length > FRAME_BYTES_MAX) {
        socket.close();
        return;
      }
      if (bytes.length - at < HEAD_BYTES + length) break;
      take(bytes[at] ?? -1, bytes.slice(at + HEAD_BYTES, at + HEAD_BYTES + length));
      at += HEAD_BYTES + length;
    }
    rest = bytes.slice(at);
  };
  socket.onclose = () => {
    if (!isClosed) on.ended(end);
    isClosed = true;
  };
  return {
    type: (text) => {
      const bytes = encoder.encode(text);
      // What is pasted may be long; a frame has a bound.
      for (let at = 0; at < bytes.length; at += TELL_BYTES) send(FRAME.stdin, bytes.subarray(at, at + TELL_BYTES));
    },
    resize: (columns, rows) => send(FRAME.resize, encoder.encode(JSON.stringify({ columns, rows }))),
    close: () => {
      isClosed = true;
      socket.close();
    },
  };
}

function readJson(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(payload));
}

function problemOf(fault: SessionFault): Problem {
  const { what, why, remedy } = document.documentElement.lang.startsWith('es') ? fault.es : fault.en;
  return {
    ...{ title: what, code: fault.code, kind: fault.kind },
    ...(why === undefined ? {} : { detail: why }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

import type { Command } from 'commander';
import type { FaultText, Problem } from './fault.ts';
import type { Json, Language, Text } from './text.ts';

/**
 * What a room's `commands.ts` receives. The frame behind it (argument parsing, credentials, printing) lives in
 * programs/cli; a room adds its commands to `program` and speaks through the rest.
 */
export interface CliProgram {
  /** The commander program; a room adds `program.command('noun')…`. The global options are read by the frame. */
  readonly program: Command;
  readonly language: Language;
  t(text: Text): string;
  /** How the caller wants to read: `--json`, `--quiet`, `-o wide`; `terminal` is true when a person watches. */
  readonly output: {
    readonly json: boolean;
    readonly quiet: boolean;
    readonly wide: boolean;
    readonly terminal: boolean;
  };
  /** The instance that this call speaks of (`--instance`, `DARSENA_INSTANCE`, `darsena`). */
  readonly instance: string;
  readonly api: CliApi;
  readonly print: CliPrint;
  readonly ask: CliAsk;
  /** Aborted by Ctrl-C; pass it to whatever waits. */
  readonly signal: AbortSignal;
  /** The exit code when the command ends without an error: 0 done, 1 failed, 3 needs, 4 refused. @default 0 */
  exit(code: number): void;
  /**
   * Shows a running operation to its end: a live tree on a terminal, plain lines elsewhere, nothing with `--quiet` or
   * `--json`. Ctrl-C stops watching, not the work, and says so.
   * @throws ProblemReply when it ended as failed, refused, interrupted or cancelled
   */
  followOperation(id: string): Promise<OperationView>;
}

/** Paths start with `/` and stand below `/api/v1`; an error reply is thrown as ProblemReply. */
export interface CliApi {
  get<T = unknown>(path: string): Promise<T>;
  post<T = unknown>(path: string, body?: unknown): Promise<T>;
  put<T = unknown>(path: string, body: unknown): Promise<T>;
  delete<T = unknown>(path: string): Promise<T>;
  /** Sends a body as it comes (a source bundle, an archive), never held in memory whole. */
  upload<T = unknown>(
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: { contentType: string; method?: 'POST' | 'PUT' },
  ): Promise<T>;
  /** The reply's bytes as they come. */
  download(path: string): AsyncIterable<Uint8Array>;
  /** Server-sent events until the server ends, `onEvent` answers false, the signal is given, or Ctrl-C. */
  stream(
    path: string,
    onEvent: (event: ServerEvent) => boolean | undefined | Promise<boolean | undefined>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void>;
  /** For what HTTP requests cannot do (an interactive exec): the address, the pinned authority and the token. */
  connection(): Promise<CliConnection>;
}

/** How a command line reaches its platform: by mutual TLS, or, as a robot in a pipeline, with a bearer token. */
export interface CliConnection {
  readonly url: string;
  /** The pinned authority, the only one trusted; with a certificate and its key, PEM, by mutual TLS. */
  readonly tls: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly headers: Readonly<Record<string, string>>;
}

export interface ServerEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: Json;
}

export interface CliPrint {
  /** Rows for people; with `--json` prints `{ "items": rows }` (or `options.json`) instead. */
  table<Row>(
    columns: readonly CliColumn<Row>[],
    rows: readonly Row[],
    options?: { readonly empty?: Text; readonly json?: unknown },
  ): void;
  /** A value for scripts, whatever the options say. */
  json(value: unknown): void;
  /** A sentence for people; silent with `--json` and `--quiet`. */
  line(text: Text | string): void;
  /** The result itself: printed with `--quiet` too, silent with `--json`. */
  result(text: Text | string): void;
  /** A remark on standard error. */
  note(text: Text | string): void;
  /** A time as an age: `3 min`, `2 d`. */
  age(at: string | null): string;
  /** `12.3 MB`. */
  bytes(sizeBytes: number): string;
  /** A text of ours: the commands in it name the instance that the caller named. */
  command(text: string): string;
  /** Marks words that also say it by themselves. Nothing without a terminal or with NO_COLOR. */
  colour(kind: 'good' | 'warn' | 'bad' | 'faint' | 'strong', text: string): string;
}

export interface CliColumn<Row> {
  readonly title: Text;
  readonly value: (row: Row) => string;
  readonly align?: 'right';
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
  /** Never cut: for the last column, when it holds sentences. */
  readonly long?: boolean;
  /** Its texts are ours alone: commands in them name the instance that the caller named. */
  readonly own?: boolean;
}

export interface CliAsk {
  /**
   * Asks for yes or no on a terminal.
   * @throws Fault `cli.needs-decision` (exit 3) without a terminal: `remedy` is the command that answers it
   */
  confirm(question: Text, options: { readonly remedy: string }): Promise<boolean>;
  /** A line of text; `secret` shows nothing of it. @throws Fault `cli.needs-decision` without a terminal */
  text(question: Text, options: { readonly remedy: string; readonly secret?: boolean }): Promise<string>;
}

/** An operation as the API shows it (GET /operations/:id). */
export interface OperationView {
  readonly id: string;
  readonly kind: string;
  readonly state: 'running' | 'done' | 'failed' | 'refused' | 'interrupted' | 'cancelled';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly title: Text;
  readonly steps: readonly StepView[];
  readonly result: Json;
  readonly problem: Problem | null;
}

export interface StepView {
  readonly id: string;
  readonly parent: string | null;
  readonly title: Text;
  readonly state: 'running' | 'done' | 'failed' | 'waiting';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: 'bytes' | 'layers' | 'items' | null;
  readonly detail: Text | null;
  readonly notes: readonly Text[];
}

/** An error reply of the API: its problem document, already in the caller's language. */
export class ProblemReply extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.name = 'ProblemReply';
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }

  get text(): FaultText {
    const { title, detail, remedy } = this.problem;
    return {
      what: title,
      ...(detail === undefined ? {} : { why: detail }),
      ...(remedy === undefined ? {} : { remedy }),
    };
  }
}

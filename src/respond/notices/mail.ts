/** E-mail by SMTP (RFC 5321), as much of it as one notice needs: TLS, authentication, one plain text. */
import { randomBytes } from 'node:crypto';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { MAIL_REPLY_BYTES_MAX, MAIL_TIMEOUT_MS } from '../limits.ts';
import { type Notice, sentenceOf } from './message.ts';

export interface MailSettings {
  readonly from: string;
  readonly to: readonly string[];
  /** Logs in with the channel's secret; null: nobody logs in. */
  readonly user: string | null;
  /** PEM of the authority of a mail server of one's own; null: the public ones. */
  readonly ca: string | null;
}

/** An address that can stand in a command and in a header without being anything else there. */
export const MAIL_ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$/;

const PORTS = { 'smtps:': 465, 'smtp:': 587 } as const;
const LINE = 76;
/** In base64, with its marks and `Subject: ` before it: 73 characters. */
const ENCODED_BYTES = 39;

/** Who got no mail that others got. */
export interface Missed {
  /** Refused for good, each with what the server said. */
  readonly refused: readonly string[];
  /** Put off (4xx, as greylisting does): the server asks to be tried again. */
  readonly putOff: readonly { readonly address: string; readonly why: string }[];
}

interface MailOrder {
  readonly url: URL;
  readonly host: string;
  readonly mail: MailSettings;
  /** Of those that it is written to, who is told now. @default all of them */
  readonly recipients?: readonly string[];
  readonly password: string | null;
  /** Whether a server at this address may be told without TLS: only inside a network of one's own, and never a password. */
  readonly mayBePlain: (address: string) => boolean;
  readonly lookup: LookupFunction;
}

/**
 * Sends a notice; it is over when the server took it. A recipient that is refused or put off keeps no other from being told.
 * @returns who was not told, and whether anybody was. @throws Error with what the server said of the mail itself
 */
export async function sendMail(
  order: MailOrder,
  notice: Notice,
  now: Date,
): Promise<Missed & { readonly isTaken: boolean }> {
  const { url, host, mail, password, mayBePlain, lookup, recipients = mail.to } = order;
  const port = url.port === '' ? PORTS[url.protocol as keyof typeof PORTS] : Number(url.port);
  // A name goes along with the greeting; an address may not (RFC 6066), and is looked for in the certificate all the same.
  const named = isIP(host) === 0 ? { servername: host } : {};
  const secure = { host, minVersion: 'TLSv1.2', ...named, ...(mail.ca === null ? {} : { ca: mail.ca }) } as const;
  const signal = AbortSignal.timeout(MAIL_TIMEOUT_MS);
  const first = url.protocol === 'smtps:' ? connectTls({ port, lookup, ...secure }) : connect({ host, port, lookup });
  let talk = new Conversation(first, signal);
  try {
    await talk.expect(220);
    let offers = await greet(talk);
    let isSecret = url.protocol === 'smtps:';
    if (!isSecret && offers.has('STARTTLS')) {
      await talk.say('STARTTLS', 220);
      // What came before the keys were agreed on could be anybody's.
      if (talk.hasMore) throw new Error('the server said more before TLS than it may');
      talk = new Conversation(connectTls({ socket: talk.release(), ...secure }), signal);
      offers = await greet(talk);
      isSecret = true;
    }
    // An allowed network does not make the rest of the world one's own: it is asked of the address that was reached.
    if (!isSecret && (mail.user !== null || !mayBePlain(first.remoteAddress ?? '')))
      throw new Error('the server offers no TLS');
    if (mail.user !== null) await logIn(talk, offers, mail.user, password ?? '');
    await talk.say(`MAIL FROM:<${mail.from}>`, 250);
    const refused: string[] = [];
    const putOff: { address: string; why: string }[] = [];
    for (const address of recipients) {
      try {
        await talk.say(`RCPT TO:<${address}>`, 250, 251);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const why = `${address}: ${error.message}`;
        if (error.code < 500) putOff.push({ address, why });
        else refused.push(why);
      }
    }
    const isTaken = refused.length + putOff.length < recipients.length;
    if (isTaken) {
      await talk.say('DATA', 354);
      await talk.say(`${mailOf(notice, mail, now)}\r\n.`, 250);
    }
    talk.bid('QUIT');
    return { refused, putOff, isTaken };
  } finally {
    talk.close();
  }
}

async function greet(talk: Conversation): Promise<Map<string, string>> {
  const lines = await talk.say('EHLO darsena.invalid', 250);
  return new Map(
    lines.slice(1).map((line) => {
      const [name = '', ...rest] = line.split(' ');
      return [name.toUpperCase(), rest.join(' ').toUpperCase()];
    }),
  );
}

async function logIn(talk: Conversation, offers: Map<string, string>, user: string, password: string): Promise<void> {
  const ways = (offers.get('AUTH') ?? '').split(' ');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const plain = base64(`\0${user}\0${password}`);
  talk.hide(plain, base64(password));
  if (ways.includes('PLAIN')) {
    await talk.say(`AUTH PLAIN ${plain}`, 235);
  } else if (ways.includes('LOGIN')) {
    await talk.say('AUTH LOGIN', 334);
    await talk.say(base64(user), 334);
    await talk.say(base64(password), 235);
  } else throw new Error('the server takes neither AUTH PLAIN nor AUTH LOGIN');
}

/** The message with its headers (RFC 5322): the text in base64, so that no line of a program can end it or be a header. */
export function mailOf(notice: Notice, { from, to }: Pick<MailSettings, 'from' | 'to'>, now: Date): string {
  const { incident, alert, event, instance, at } = notice;
  const place = [incident.project, incident.environment, incident.workload].filter((part) => part !== null).join('/');
  const body = [
    sentenceOf(notice),
    '',
    ...(event === 'test' ? [] : [`Where: ${place === '' ? incident.host : place} (host ${incident.host})`]),
    ...(incident.digest === null ? [] : [`Image: ${incident.digest}`]),
    ...(alert === null ? [] : [`When: ${alert.at}`, `Tags: ${alert.tags.join(', ')}`]),
    ...(event === 'test' ? [] : ['', `darsena incident show ${incident.number}`]),
  ].join('\n');
  const subject = `[${instance}] ${sentenceOf({ ...notice, alert: null })}`;
  return [
    `From: ${from}`,
    // An address a line: a line has at most 998 characters (RFC 5322, 2.1.1).
    `To: ${to.join(',\r\n ')}`,
    `Subject: ${encodeWords(subject)}`,
    `Date: ${now.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${randomBytes(16).toString('hex')}@darsena.invalid>`,
    'Auto-Submitted: auto-generated',
    `X-Darsena-Event: ${event} ${at}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(body)
      .toString('base64')
      .match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []),
  ].join('\r\n');
}

/** A text as encoded words (RFC 2047), none cut in the middle of a character; with the name before it a line has 76 at most. */
function encodeWords(text: string): string {
  const words: string[] = [];
  let piece = '';
  for (const sign of text) {
    if (Buffer.byteLength(piece + sign) > ENCODED_BYTES) {
      words.push(piece);
      piece = '';
    }
    piece += sign;
  }
  words.push(piece);
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ');
}

/** The server said no, and goes on. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Command and reply, one after the other. What the server says is bounded. */
class Conversation {
  readonly #socket: Socket;
  readonly #hidden: string[] = [];
  #text = '';
  #bytes = 0;
  #failure: Error | null = null;
  #wake: () => void = () => undefined;
  readonly #hear = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > MAIL_REPLY_BYTES_MAX) this.#fail(new Error('the server says too much'));
    this.#text += chunk.toString('latin1');
    this.#wake();
  };

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    socket.on('data', this.#hear);
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server ended the connection')));
    signal.addEventListener('abort', () => this.#fail(new Error('no answer in time')), { once: true });
    if (signal.aborted) this.#fail(new Error('no answer in time'));
  }

  get hasMore(): boolean {
    return this.#text !== '';
  }

  /** @returns the lines of the reply without their code. @throws Error when it is another than wanted */
  say(line: string, ...wanted: readonly number[]): Promise<string[]> {
    this.bid(line);
    return this.expect(...wanted);
  }

  /** Texts that no error repeats: there are servers that say back the line which they refuse. */
  hide(...texts: readonly string[]): void {
    this.#hidden.push(...texts);
  }

  bid(line: string): void {
    if (!this.#socket.destroyed) this.#socket.write(`${line}\r\n`);
  }

  async expect(...wanted: readonly number[]): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end === -1) {
        if (this.#failure !== null) throw this.#failure;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const line = this.#text.slice(0, end).replace(/\r$/, '');
      this.#text = this.#text.slice(end + 1);
      const [, code = '', mark, rest = ''] = /^(\d{3})([ -]?)(.*)$/.exec(line) ?? [];
      if (code === '') throw new Error('the server does not speak SMTP');
      lines.push(rest);
      if (mark === '-') continue;
      if (wanted.includes(Number(code))) return lines;
      // What a server says is a stranger's: short, and in printable signs.
      const told = this.#hidden.reduce((text, secret) => text.replaceAll(secret, '***'), rest);
      throw new Refused(Number(code), `the server answered ${code} ${told.replace(/[^ -~]/g, '?').slice(0, 200)}`);
    }
  }

  /** Gives the connection to who speaks over it from now on. */
  release(): Socket {
    this.#socket.off('data', this.#hear);
    return this.#socket;
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#wake();
  }
}

import { createSocket } from 'node:dgram';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP, type LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { answerOf, guardAddresses } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import { NOTICE_TIMEOUT_MS, SYSLOG_GRACE_MS, SYSLOG_LEAVE_MS } from '../limits.ts';
import { type MailSettings, type Missed, sendMail } from './mail.ts';
import { bodyOf, type ChannelKind, type Notice, signatureOf, syslogMessage } from './message.ts';

/** Where a channel leads, opened for one delivery. */
export interface Destination {
  readonly kind: ChannelKind;
  /** https, http (only inside an allowed network), tls, tcp or udp. */
  readonly url: string;
  /** Signs what is sent; null: nothing is signed. */
  readonly secret: string | null;
  /** Networks inside that it may lead to; empty: the public Internet only. */
  readonly networks: readonly string[];
  /** PEM of the authority that vouches for the receiver; null: the public ones. */
  readonly ca?: string | null;
  /** Of e-mail. */
  readonly mail?: MailSettings;
  /** Of e-mail that others have got: who still waits for it, and nobody else is told. */
  readonly rest?: readonly string[];
}

/** A mail that nobody got, with why of each recipient. */
export class NobodyTold extends Error {
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(reasons.join('; '));
    this.reasons = reasons;
  }
}

/**
 * Sends one notice. It is over when the receiver took it.
 * @returns who was not told all the same, or null. @throws Error with the reason, without what is secret
 */
export async function sendNotice(to: Destination, notice: Notice, now: Date): Promise<Missed | null> {
  const url = new URL(to.url);
  const refuse = (why: string): Error => respondFault('respond.channel-address', { why });
  const guard = guardAddresses(to.networks, refuse, undefined, { publicToo: url.protocol !== 'http:' });
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A literal address is never looked up: it is asked about here.
  const why = isIP(host) === 0 ? null : guard.refusal(host);
  if (why !== null) throw refuse(why);
  if (to.kind === 'syslog') await sendSyslog(url, host, syslogMessage(notice), guard.lookup, to.ca ?? null);
  else if (to.kind === 'email') {
    if (to.mail === undefined) throw refuse('it says neither from whom nor to whom');
    const { lookup, isInside: mayBePlain } = guard;
    const { mail, rest, secret: password } = to;
    // Who was taken off the channel meanwhile is told nothing any more.
    const recipients = rest === undefined ? mail.to : mail.to.filter((address) => rest.includes(address));
    if (recipients.length === 0) return null;
    const order = { url, host, mail, recipients, password, mayBePlain, lookup };
    const { isTaken, refused, putOff } = await sendMail(order, notice, now);
    // Where nobody was told, all are tried again; of a rest it is known who was.
    if (!isTaken && rest === undefined) throw new NobodyTold([...refused, ...putOff.map(({ why }) => why)]);
    return refused.length + putOff.length === 0 ? null : { refused, putOff };
  } else await post(url, to, bodyOf(to.kind, notice), now, guard.lookup);
  return null;
}

async function post(url: URL, to: Destination, body: string, now: Date, lookup: LookupFunction): Promise<void> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const signal = AbortSignal.timeout(NOTICE_TIMEOUT_MS);
  const sent = make(url, {
    method: 'POST',
    lookup,
    agent: false,
    ...(to.ca == null ? {} : { ca: to.ca }),
    signal,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'darsena',
      ...(to.secret === null
        ? {}
        : { 'darsena-timestamp': timestamp, 'darsena-signature': signatureOf(to.secret, timestamp, body) }),
    },
  });
  sent.end(body);
  const response = await answerOf(sent).catch((error: unknown) => {
    throw signal.aborted ? new Error('no answer in time') : error;
  });
  const status = response.statusCode ?? 0;
  response.destroy();
  if (status >= 200 && status < 300) return;
  // A redirect is not followed: it would lead where nobody allowed it.
  const why = status >= 300 && status < 400 ? ', and redirects are not followed' : '';
  throw new Error(`the receiver answered ${status}${why}`);
}

function sendSyslog(url: URL, host: string, message: string, lookup: LookupFunction, ca: string | null): Promise<void> {
  const isSecret = url.protocol === 'tls:';
  const port = Number(url.port === '' ? (isSecret ? 6514 : 514) : url.port);
  if (url.protocol === 'udp:') {
    return new Promise((resolve, reject) => {
      lookup(host, { all: false }, (error, address, family) => {
        if (error !== null || typeof address !== 'string') return reject(error ?? new Error('no address'));
        const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
        // Without a listener a socket that cannot be bound would end control.
        socket.once('error', reject);
        socket.send(message, port, address, (failed) => {
          socket.close();
          if (failed === null) resolve();
          else reject(failed);
        });
      });
    });
  }
  return new Promise((resolve, reject) => {
    // A name goes along with the greeting; an address may not (RFC 6066), and is looked for in the certificate all the same.
    const named = isIP(host) === 0 ? { servername: host } : {};
    const authority = ca === null ? {} : { ca };
    const socket = isSecret
      ? connectTls({ host, port, lookup, minVersion: 'TLSv1.2', ...named, ...authority })
      : connect({ host, port, lookup });
    socket.setTimeout(NOTICE_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    let isSent = false;
    socket.on('error', reject);
    // Octet counting (RFC 6587; over TLS RFC 5425): a line break in a message begins no other.
    socket.once(isSecret ? 'secureConnect' : 'connect', () => {
      socket.write(`${Buffer.byteLength(message)} ${message}`, () => {
        isSent = true;
        // Who takes leave while the other hangs up is reset by it: it has a moment to hang up first.
        setTimeout(() => socket.end(), SYSLOG_LEAVE_MS);
        setTimeout(() => {
          resolve();
          socket.destroy();
        }, SYSLOG_GRACE_MS).unref();
      });
    });
    socket.once('close', (failed) => {
      if (failed) return;
      if (isSent) resolve();
      else reject(new Error('the receiver hung up before it was told'));
    });
    socket.resume();
  });
}

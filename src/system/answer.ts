import type { ClientRequest, IncomingMessage } from 'node:http';

/**
 * Resolves with the head of the answer. Its body is the caller's, and tells its own failures to who reads it.
 * What goes wrong with the connection later is told to the request once more: with nobody listening it would end the
 * process. An answer that changes the protocol unasked is told by nothing but the end of the request.
 *
 * @throws Error of the connection, or what the request was destroyed with
 */
export function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
    request.once('close', () => reject(new Error('the connection ended without an answer')));
  });
}

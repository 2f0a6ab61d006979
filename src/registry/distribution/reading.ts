import type { ServerResponse } from 'node:http';
import type { Reading } from '../quarantine.ts';
import type { Session } from './sign-in.ts';

/** How the client of a request reads something of a repository: who it is, what it may, and whether it is still there. */
export function readingOf(response: ServerResponse, session: Session, repository: string): Reading {
  return {
    caller: session.caller,
    maySign: () => session.maySign(repository),
    gone: () => {
      const gone = new AbortController();
      if (response.destroyed) gone.abort();
      response.once('close', () => gone.abort());
      return gone.signal;
    },
  };
}

import { ApiFailure, apiAddress, readFailure } from './client.ts';

/**
 * The events of a stream that is read by hand, because an EventSource does not say why it was refused.
 * @throws ApiFailure
 */
export async function* openApiStream(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly event: string; readonly data: unknown }> {
  const response = await fetch(apiAddress(path), {
    headers: { Accept: 'text/event-stream', 'Accept-Language': document.documentElement.lang },
    credentials: 'same-origin',
    signal,
  }).catch((error: unknown) => {
    throw new ApiFailure(0, { title: String(error), code: 'console.unreachable', kind: 'unavailable' });
  });
  if (!response.ok || response.body === null) throw await readFailure(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const messages = rest.split('\n\n');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      const event = /^event: (.+)$/m.exec(message)?.[1];
      const data = /^data: (.+)$/m.exec(message)?.[1];
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) };
    }
  }
}

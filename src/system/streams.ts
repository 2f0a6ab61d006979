interface Closing {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Calls back when the stream has closed, or now when it has already: that is told once, and not to who comes late. */
export function whenClosed(stream: Closing, closed: () => void): void {
  if (stream.destroyed) closed();
  else stream.once('close', closed);
}

import { useEffect, useState } from 'react';
import { useFormats } from '../shell/format.ts';

const TICK_MS = 500;

/** Time between two instants; counts on while there is no end. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  const formats = useFormats();
  const [now, setNow] = useState(() => Date.now());
  const running = from !== null && to === null;
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  if (from === null) return null;
  const end = to === null ? now : Date.parse(to);
  return <span className="elapsed">{formats.duration(Math.max(0, end - Date.parse(from)))}</span>;
}

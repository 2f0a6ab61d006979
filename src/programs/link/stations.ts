/**
 * Where an alert was, and when, on its way from the kernel to control's disk. Nanoseconds of CLOCK_MONOTONIC, which all
 * processes of one machine share and two machines do not.
 */

/** In order of the way; `kernel` is the alert's own `kernelTimeNs`. */
export const STATIONS = [
  'kernel',
  /** The sensor's reading thread saw that a rule holds. */
  'matched',
  /** The sensor wrote it to the agent's socket. */
  'told',
  /** The agent read it. */
  'received',
  /** The agent wrote it to control. */
  'forwarded',
  /** Control read it. */
  'arrived',
  /** It is on control's disk. */
  'stored',
] as const;
export type Station = (typeof STATIONS)[number];

/** What the sensor and the agent add between the kernel's time and control: matched, told, received, forwarded. */
export const STATIONS_ON_HOST = 4;

/** Beside the sensor's socket: where alerts alone are taken, straight from the thread that reads the kernel. */
export function alertSocketOf(sensorSocket: string): string {
  return `${sensorSocket}.alerts`;
}

/** CLOCK_MONOTONIC now; as a number it is exact to a nanosecond for the first hundred days after boot. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

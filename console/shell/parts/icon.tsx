/** Line icons on a grid of 16; they decorate words and are hidden from assistive technology. */
const PATHS = {
  overview: 'M2.5 8.5h4v5h-4zM9.5 2.5h4v11h-4zM2.5 2.5h4v3h-4z',
  projects: 'M8 1.8 13.8 5v6L8 14.2 2.2 11V5zM2.4 5.1 8 8.2l5.6-3.1M8 8.2v5.8',
  images: 'M8 2 14 5 8 8 2 5zM2.4 8 8 10.8 13.6 8M2.4 11 8 13.8 13.6 11',
  activity: 'M1.5 8.5h3l2-5 3 9 2-4h3',
  hosts: 'M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8h.01M5 11.2h.01M8 4.8h3M8 11.2h3',
  audit: 'M8 1.8 13.5 4v4c0 3.2-2.3 5.3-5.5 6.2C4.8 13.3 2.5 11.2 2.5 8V4zM5.5 7.9l1.8 1.8 3.3-3.5',
  settings: 'M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.8 3v3M6.2 10v3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'M3 8.5l3.2 3.2L13 4.5',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  external: 'M9 2.5h4.5V7M13.2 2.8 7.5 8.5M6.5 3.5h-4v10h10v-4',
  download: 'M8 2v8M4.8 7 8 10.2 11.2 7M2.5 13.5h11',
  plus: 'M8 3v10M3 8h10',
  user: 'M8 2.5a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4zM2.8 13.8c.6-2.7 2.6-4 5.2-4s4.6 1.3 5.2 4',
  key: 'M5 6.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM7.2 7.3 13 1.8M10.5 4.2l2 2',
  terminal: 'M1.8 2.8h12.4v10.4H1.8zM4.5 6l2 2-2 2M8 10.2h3.5',
  lock: 'M3.5 7h9v6.5h-9zM5.5 7V4.8a2.5 2.5 0 0 1 5 0V7',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="mark-basin" d="M6 7v12.5A5.5 5.5 0 0 0 11.5 25h9a5.5 5.5 0 0 0 5.5-5.5V7" />
      <rect className="mark-load" x="11.5" y="7" width="9" height="9" rx="1.8" />
    </svg>
  );
}

import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef } from 'react';
import { openSessionSocket, type SessionEnd } from './session-socket.ts';
import './terminal.css';
import { allowStyledSpans, openWithSheets } from './terminal-styles.ts';

allowStyledSpans();

const FONT_PX = 13;
const COLUMNS_MIN = 20;
const ROWS_MIN = 4;

/** Programs choose their colours for a dark ground; the same in both themes. */
const THEME = { background: '#10181b', foreground: '#e3eaec', cursor: '#56c4da', selectionBackground: '#33525b' };

/**
 * A terminal joined to a command in a container for as long as it is shown.
 * @param path asks for the session; the size of the terminal is added
 * @param onLeave the keys that leave the terminal were pressed
 */
export default function TerminalScreen({
  path,
  label,
  onEnd,
  onLeave,
}: {
  path: string;
  label: string;
  onEnd: (end: SessionEnd) => void;
  onLeave: () => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef({ onEnd, onLeave });
  latest.current = { onEnd, onLeave };
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const terminal = new Terminal({
      fontFamily: getComputedStyle(element).fontFamily,
      fontSize: FONT_PX,
      theme: THEME,
      minimumContrastRatio: 4.5,
      screenReaderMode: true,
      scrollback: 5_000,
    });
    openWithSheets(() => terminal.open(element));
    terminal.textarea?.setAttribute('aria-label', label);
    fit(terminal, element);
    // What is typed from here on is the shell's, and no shortcut of the page.
    terminal.focus();
    // Tab and the rest belong to the shell; these lead out of it.
    terminal.attachCustomKeyEventHandler((event) => {
      const leaves = event.ctrlKey && event.shiftKey && event.key === 'ArrowUp';
      if (leaves && event.type === 'keydown') latest.current.onLeave();
      return !leaves;
    });
    const { cols, rows } = terminal;
    const session = openSessionSocket(`${path}&columns=${cols}&rows=${rows}`, {
      opened: () => terminal.focus(),
      show: (bytes, drawn) => terminal.write(bytes, drawn),
      ended: (end) => latest.current.onEnd(end),
    });
    terminal.onData((text) => session.type(text));
    terminal.onResize((size) => session.resize(size.cols, size.rows));
    const observer = new ResizeObserver(() => fit(terminal, element));
    observer.observe(element);
    return () => {
      observer.disconnect();
      session.close();
      terminal.dispose();
    };
  }, [path, label]);
  return <div className="terminal-screen" ref={place} />;
}

/** As many columns and rows as there is room for. */
function fit(terminal: Terminal, element: HTMLElement): void {
  const screen = element.querySelector('.xterm-screen');
  if (screen === null) return;
  const { width, height } = screen.getBoundingClientRect();
  if (width === 0 || height === 0) return;
  const style = getComputedStyle(element);
  const [across, down] = [
    element.clientWidth - Number.parseFloat(style.paddingInlineStart) - Number.parseFloat(style.paddingInlineEnd),
    element.clientHeight - Number.parseFloat(style.paddingBlockStart) - Number.parseFloat(style.paddingBlockEnd),
  ];
  const columns = Math.max(COLUMNS_MIN, Math.floor(across / (width / terminal.cols)));
  const rows = Math.max(ROWS_MIN, Math.floor(down / (height / terminal.rows)));
  if (columns !== terminal.cols || rows !== terminal.rows) terminal.resize(columns, rows);
}

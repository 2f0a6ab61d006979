import { type FormEvent, lazy, Suspense, useRef, useState } from 'react';
import { ApiFailure, apiPath } from '../api/client.ts';
import type { WorkloadStatus } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button, CommandLine, Field, Select } from '../shell/parts/controls.tsx';
import { Failure, Panel } from '../shell/parts/surface.tsx';
import { loadPatiently } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import type { SessionEnd } from './session-socket.ts';
import './terminal.css';
import { terminalWords } from './terminal-words.ts';

/** The emulator of terminals is large: it comes when somebody opens one. */
const TerminalScreen = lazy(() => loadPatiently(() => import('./terminal-screen.tsx')));

const SHELL = 'sh';

interface Place {
  readonly replica: string;
  readonly container: string;
}

interface Opened extends Place {
  readonly words: readonly string[];
  /** A new one is another terminal, also with the same command. */
  readonly number: number;
}

/** Words of a command line; quotes hold spaces together, and there is nothing else to it. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, one, other, bare]) => one ?? other ?? bare ?? '');
}

/** A terminal in a running container, over the same channel as `darsena exec`. */
export function TerminalPanel({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(terminalWords);
  const me = useMe();
  const { project, environment, name } = workload;
  const mayOpen = hasRole(me, ['admin', 'developer'], project);
  return (
    <Panel title={t('title')}>
      <div className="stack-tight">
        {mayOpen ? <Chooser workload={workload} /> : <p className="quiet-text">{t('notYours')}</p>}
        {mayOpen ? <p className="quiet-text">{t('elsewhere')}</p> : null}
        <CommandLine command={`darsena logs ${project}/${name} --env ${environment}`} />
        <CommandLine command={`darsena exec ${project}/${name} --env ${environment} -- sh`} />
      </div>
    </Panel>
  );
}

function Chooser({ workload }: { workload: WorkloadStatus }) {
  const t = useWords(terminalWords);
  const places = workload.replicas.flatMap((replica) =>
    replica.containers
      .filter(({ state }) => state === 'running')
      .map((container): Place => ({ replica: replica.name, container: container.name })),
  );
  const idOf = (place: Place): string => `${place.replica}/${place.container}`;
  const [picked, pick] = useState('');
  const [line, setLine] = useState(SHELL);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [end, setEnd] = useState<SessionEnd | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const place = places.find((one) => idOf(one) === picked) ?? places[0];
  const words = wordsOf(line);
  const isOpen = opened !== null && end === null;
  const leave = () => form.current?.querySelector('button')?.focus();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isOpen) setOpened(null);
    else if (place !== undefined && words.length > 0) {
      setEnd(null);
      setOpened({ ...place, words, number: (opened?.number ?? 0) + 1 });
    }
  };
  if (place === undefined && opened === null) return <p className="quiet-text">{t('none')}</p>;
  return (
    <>
      <form className="terminal-choice" onSubmit={submit} ref={form}>
        <Select
          label={t('container')}
          options={places.map((one) => [idOf(one), idOf(one)] as const)}
          value={place === undefined ? '' : idOf(place)}
          onPick={pick}
          disabled={isOpen}
        />
        <Field
          label={t('command')}
          value={line}
          onChange={(event) => setLine(event.target.value)}
          disabled={isOpen}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          maxLength={1_000}
          required
        />
        <Button type="submit" look={isOpen ? 'plain' : 'primary'} disabled={!isOpen && place === undefined}>
          {isOpen ? t('close') : opened === null ? t('open') : t('again')}
        </Button>
      </form>
      {opened === null ? null : (
        <Suspense fallback={<p className="quiet-text">{t('opening')}</p>}>
          <TerminalScreen
            key={opened.number}
            path={apiPath(['projects', workload.project, 'workloads', workload.name, 'session'], {
              ...{ kind: 'exec', tty: 1, env: workload.environment },
              ...{ replica: opened.replica, container: opened.container, command: JSON.stringify(opened.words) },
            })}
            label={t('screen', { container: opened.container, replica: opened.replica })}
            onEnd={setEnd}
            onLeave={leave}
          />
        </Suspense>
      )}
      <p className="quiet-text" aria-live="polite">
        {end === null
          ? `${t('recorded')} ${t('leave')}`
          : end.kind === 'exit'
            ? t('ended', { code: end.code })
            : end.kind === 'cut'
              ? t('cut')
              : ''}
      </p>
      {end?.kind === 'fault' ? <Failure error={new ApiFailure(409, end.problem)} /> : null}
    </>
  );
}

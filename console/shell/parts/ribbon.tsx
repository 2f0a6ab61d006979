import { Fragment } from 'react';
import type { Station, StationKind } from '../../api/types.ts';
import { shortDigest } from '../format.ts';
import { useText, useWords } from '../language.tsx';
import { insideAddress, Link, outsideAddress } from '../router.tsx';
import { words } from '../words.ts';
import { ToneGlyph } from './badge.tsx';
import { Copyable } from './controls.tsx';
import { When } from './surface.tsx';

const KIND_WORDS = {
  commit: 'stationCommit',
  build: 'stationBuild',
  scan: 'stationScan',
  signatures: 'stationSignatures',
  verdict: 'stationVerdict',
  deploy: 'stationDeploy',
  alerts: 'stationAlerts',
} as const satisfies Record<StationKind, string>;

const STATE_WORDS = {
  ok: 'stateOk',
  warn: 'stateWarn',
  bad: 'stateBad',
  pending: 'statePending',
  absent: 'stateAbsent',
} as const;

/** `builder:vm:e8bb…`: a name may be broken after its colons and slashes, not in the middle of a word. */
function Breakable({ text }: { text: string }) {
  return [...text.matchAll(/[^:/@]*[:/@]*/g)].map((part) => (
    <Fragment key={part.index}>
      {part[0]}
      <wbr />
    </Fragment>
  ));
}

function StationBody({ station }: { station: Station }) {
  const t = useWords(words);
  const text = useText();
  return (
    <>
      <span className="station-mark">
        <ToneGlyph tone={station.state} />
      </span>
      <span className="station-kind">
        {t(KIND_WORDS[station.kind])}
        <span className="hidden-text">: {t(STATE_WORDS[station.state])}.</span>
      </span>
      <span className="station-title">{text(station.title)}</span>
      {station.detail === null && station.at === null ? null : (
        <span className="station-sub">
          {station.detail === null ? null : (
            <span>
              <Breakable text={text(station.detail)} />
            </span>
          )}
          {station.at === null ? null : (
            <span className="station-at">
              <When at={station.at} />
            </span>
          )}
        </span>
      )}
    </>
  );
}

function StationLink({ station }: { station: Station }) {
  const inside = insideAddress(station.href);
  const outside = outsideAddress(station.href);
  if (inside !== null) {
    return (
      <Link to={inside} className="station-link">
        <StationBody station={station} />
      </Link>
    );
  }
  if (outside !== null) {
    return (
      <a href={outside} className="station-link" rel="noreferrer noopener" target="_blank">
        <StationBody station={station} />
      </a>
    );
  }
  return (
    <span className="station-link">
      <StationBody station={station} />
    </span>
  );
}

/** The thread made visible: the same seven stations on every image, workload and incident page, strung on the digest. */
export function Ribbon({ digest, stations, name }: { digest: string; stations: readonly Station[]; name?: string }) {
  const t = useWords(words);
  return (
    <section className="ribbon" aria-label={t('thread')}>
      <div className="ribbon-head">
        {name === undefined ? null : <span className="ribbon-name">{name}</span>}
        <Copyable value={digest}>{shortDigest(digest)}</Copyable>
      </div>
      <ol>
        {stations.map((station) => (
          <li key={station.kind} className={`station tone-${station.state}`}>
            <StationLink station={station} />
          </li>
        ))}
      </ol>
    </section>
  );
}

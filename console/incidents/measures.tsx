import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiAddress, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { ActionState, Evidence, IncidentDetail, Offer } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Dialog, Failure, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { ActionBadge } from './action-badge.tsx';
import { words } from './words.ts';

/** What it will do, before it does; what has no undo says so. */
function MeasureDialog({ incident, offer, onClose }: { incident: IncidentDetail; offer: Offer; onClose: () => void }) {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const text = useText();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const act = useMutation({
    mutationFn: () =>
      api.post<{ action: { state: ActionState; detail: Parameters<typeof text>[0] | null } }>(
        apiPath(['incidents', incident.number, 'respond']),
        { action: offer.kind, ...(reason === '' ? {} : { reason }) },
      ),
    onSuccess: async ({ action }) => {
      await client.invalidateQueries({ queryKey: ['incidents'] });
      if (action.state === 'done') onClose();
    },
  });
  // Failed, or the host did not answer in time: the dialog stays and says which, it must not look like nothing happened.
  const ended = act.data === undefined || act.data.action.state === 'done' ? null : act.data.action;
  return (
    <Dialog title={text(offer.title)} onClose={onClose}>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate();
        }}
      >
        <ul className="will-stop">
          {offer.effect.map((effect) => (
            <li key={effect.en}>{text(effect)}</li>
          ))}
        </ul>
        <p className="quiet-text">{offer.undo === null ? t('measureNoUndo') : t('measureUndo')}</p>
        <Field label={t('reason')} value={reason} onChange={(event) => setReason(event.target.value)} />
        {act.error === null ? null : <Failure error={act.error} />}
        {ended === null ? null : (
          <p role="alert">
            <ActionBadge state={ended.state} /> {ended.detail === null ? null : text(ended.detail)}
          </p>
        )}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look={offer.contains ? 'danger' : 'primary'} busy={act.isPending}>
            {text(offer.title)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Names of what is done about incidents, as the platform offers them; what it does not name is shown as it came. */
export function useActionName(incident: number): (kind: string) => string {
  const text = useText();
  const offers = useQuery(queries.incidentOffers(String(incident))).data ?? [];
  return (kind) => {
    const known = offers.find((offer) => offer.kind === kind);
    return known === undefined ? kind : text(known.title);
  };
}

/** What can be done about an incident now; what cannot says why, where the reader would look for it. */
export function Measures({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const text = useText();
  const me = useMe();
  const offers = useQuery(queries.incidentOffers(String(incident.number)));
  const [chosen, choose] = useState<Offer | null>(null);
  if (incident.state === 'closed' || !hasRole(me, ['admin', 'analyst'], incident.project ?? '*')) return null;
  return (
    <Panel title={t('measures')}>
      <Loaded query={offers}>
        {(all) => {
          const not = all.flatMap(({ kind, title, why }) => (why === null ? [] : [{ kind, title, why }]));
          return (
            <>
              <ul className="measures">
                {all
                  .filter(({ why }) => why === null)
                  .map((offer) => (
                    <li key={offer.kind}>
                      <Button onClick={() => choose(offer)}>{text(offer.title)}</Button>
                    </li>
                  ))}
              </ul>
              {not.length === 0 ? null : (
                <details className="not-now">
                  <summary>{t('unavailable')}</summary>
                  <dl className="facts">
                    {not.map(({ kind, title, why }) => (
                      <div key={kind}>
                        <dt>{text(title)}</dt>
                        <dd>{text(why)}</dd>
                      </div>
                    ))}
                  </dl>
                </details>
              )}
            </>
          );
        }}
      </Loaded>
      {chosen === null ? null : <MeasureDialog incident={incident} offer={chosen} onClose={() => choose(null)} />}
    </Panel>
  );
}

function EvidenceItem({ evidence }: { evidence: Evidence }) {
  const t = useWords(words);
  // Packets are kept only where somebody asks for them.
  const missing = evidence.parts.filter(
    ({ part, state }) => state === 'partial' || (state === 'absent' && part !== 'packets'),
  ).length;
  return (
    <li>
      <When at={evidence.at} />
      <Actor actor={evidence.takenBy} />
      <span>{t('evidenceFiles', { count: evidence.files })}</span>
      {missing === 0 ? null : <span>{t('evidenceMissing', { count: missing })}</span>}
      <span>
        {evidence.frozen ? t('evidenceFrozen', { milliseconds: evidence.milliseconds }) : t('evidenceNotFrozen')}
      </span>
      {evidence.deletedAt === null ? (
        <a href={apiAddress(apiPath(['evidence', evidence.id, 'archive']))} download="">
          {t('evidenceExport')}
        </a>
      ) : (
        <span className="quiet-text">{t('evidenceDeleted')}</span>
      )}
    </li>
  );
}

/** What was kept of the container, for whoever looks into it later. */
export function EvidencePanel({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  const evidence = useQuery(queries.incidentEvidence(String(incident.number)));
  return (
    <Panel title={t('evidence')}>
      <Loaded query={evidence}>
        {(all) =>
          all.length === 0 ? (
            <p className="quiet-text">{t('noEvidence')}</p>
          ) : (
            <ul className="conditions">
              {all.map((one) => (
                <EvidenceItem key={one.id} evidence={one} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Panel>
  );
}

import { type UseMutationResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Promotion } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import { Drawer, EmptyState, Failure, Loaded, Panel, Split, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { VerdictCard } from '../shell/parts/verdict.tsx';
import { useParams, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { DigestList } from './digest-list.tsx';
import { words } from './words.ts';

const keyOf = (promotion: Promotion) => promotion.id;

/** Four eyes: whoever had a part in it cannot approve. The server enforces it; here it is said before anybody tries. */
export function Decision({ promotion, onDecide }: { promotion: Promotion; onDecide: () => void }) {
  const t = useWords(words);
  const me = useMe();
  const client = useQueryClient();
  const [comment, setComment] = useState('');
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'reject') =>
      api.post(apiPath(['projects', promotion.project, 'promotions', promotion.id, 'decision']), {
        decision,
        ...(comment === '' ? {} : { comment }),
      }),
    onMutate: onDecide,
    onSettled: () => client.invalidateQueries({ queryKey: ['promotions'] }),
  });
  if (promotion.state !== 'awaiting-approval') return null;
  const mayDecide = hasRole(me, ['admin', 'approver'], promotion.project);
  const isInvolved = me !== undefined && promotion.involved.includes(me.actor);
  const given = promotion.approvals.filter(({ decision }) => decision === 'approve');
  const hasApproved = given.some(({ by }) => by === me?.actor);
  return (
    <div className="decision">
      <p>{t('waitsFor', { count: promotion.required - given.length })}</p>
      {isInvolved ? (
        <p className="quiet-text">{t(me?.actor === promotion.requester ? 'samePerson' : 'ownWork')}</p>
      ) : mayDecide ? null : (
        <p className="quiet-text">{t('notApprover')}</p>
      )}
      {hasApproved ? <p className="quiet-text">{t('hasApproved')}</p> : null}
      {mayDecide ? (
        <DecisionForm
          decide={decide}
          comment={comment}
          onComment={setComment}
          mayApprove={!isInvolved && !hasApproved}
        />
      ) : null}
    </div>
  );
}

function DecisionForm({
  decide,
  comment,
  onComment,
  mayApprove,
}: {
  decide: UseMutationResult<unknown, Error, 'approve' | 'reject'>;
  comment: string;
  onComment: (comment: string) => void;
  mayApprove: boolean;
}) {
  const t = useWords(words);
  return (
    <>
      <Field label={t('comment')} value={comment} onChange={(event) => onComment(event.target.value)} />
      {decide.error === null ? null : <Failure error={decide.error} />}
      <div className="toolbar">
        {mayApprove ? (
          <Button look="primary" icon="check" busy={decide.isPending} onClick={() => decide.mutate('approve')}>
            {t('approve')}
          </Button>
        ) : null}
        <Button look="danger" busy={decide.isPending} onClick={() => decide.mutate('reject')}>
          {t('reject')}
        </Button>
      </div>
    </>
  );
}

function Approvals({ promotion }: { promotion: Promotion }) {
  return (
    <ul className="conditions">
      {promotion.approvals.map((approval) => (
        <li key={`${approval.by}-${approval.at}`}>
          <State state={approval.decision === 'approve' ? 'approved' : 'rejected'} />
          <strong>
            <Actor actor={approval.by} />
          </strong>
          <span>{approval.comment}</span>
          <When at={approval.at} />
        </li>
      ))}
    </ul>
  );
}

export function PromotionList({ project }: { project: string }) {
  const t = useWords(words);
  const { id: fromPath = '' } = useParams<'id'>();
  const [pointed] = useSearchParam('promotion');
  const id = pointed === '' ? fromPath : pointed;
  const promotions = useQuery(queries.promotions(project));
  const [picked, select] = useSearchParam('sel');
  const columns: readonly Column<Promotion>[] = [
    { id: 'from', label: t('promotionOne'), cell: (promotion) => `${promotion.from} → ${promotion.to}` },
    { id: 'state', label: t('state'), cell: (promotion) => <State state={promotion.state} /> },
    { id: 'by', label: t('requestedBy'), from: 'medium', cell: (promotion) => <Actor actor={promotion.requestedBy} /> },
    {
      id: 'approvals',
      label: t('approvals'),
      from: 'wide',
      cell: (promotion) =>
        t('approvalsCount', {
          count: promotion.approvals.filter((approval) => approval.decision === 'approve').length,
          required: promotion.required,
        }),
    },
    { id: 'when', label: t('when'), align: 'end', cell: (promotion) => <When at={promotion.requestedAt} /> },
  ];
  return (
    <Loaded query={promotions}>
      {(all) => {
        // What waits for a decision is open at once: that is what people come for.
        const waiting = all.find((promotion) => promotion.state === 'awaiting-approval');
        const selected = picked === '' ? id : picked === 'none' ? '' : picked;
        const shown = selected === '' && picked === '' ? (waiting?.id ?? '') : selected;
        const chosen = all.find((promotion) => promotion.id === shown);
        return (
          <Split
            list={
              <Panel flush>
                <Table
                  label={t('promotions')}
                  columns={columns}
                  rows={all}
                  keyOf={keyOf}
                  selected={shown}
                  onSelect={(key) => select(key === '' ? 'none' : key)}
                  empty={
                    <EmptyState title={t('noPromotions')} command={`darsena promote ${project} --to prod`}>
                      {t('noPromotionsText')}
                    </EmptyState>
                  }
                />
              </Panel>
            }
            drawer={
              chosen === undefined ? null : (
                <Drawer title={`${chosen.from} → ${chosen.to}`} onClose={() => select('none')}>
                  <p className="chips">
                    <State state={chosen.state} />
                    <span className="quiet-text">
                      <Actor actor={chosen.requestedBy} />, <When at={chosen.requestedAt} />
                    </span>
                  </p>
                  <Decision key={chosen.id} promotion={chosen} onDecide={() => select(chosen.id)} />
                  <section>
                    <h3>{t('verdict')}</h3>
                    <VerdictCard verdict={chosen.verdict} />
                  </section>
                  {chosen.approvals.length === 0 ? null : (
                    <section>
                      <h3>{t('approvals')}</h3>
                      <Approvals promotion={chosen} />
                    </section>
                  )}
                  <section>
                    <h3>{t('digests')}</h3>
                    <DigestList project={project} digests={chosen.digests} />
                  </section>
                </Drawer>
              )
            }
          />
        );
      }}
    </Loaded>
  );
}

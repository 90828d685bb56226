-- Orders that raise a number of all lanes (`laudstream upgrade finish`, A14). They are of no workspace, and only they are.
-- A control agent of the release before refuses them; nothing else changes for it.

ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace', 'migration', 'count', 'winner', 'signal',
        'level'));
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_level_check CHECK ((kind = 'level') = (workspace_id = ''));

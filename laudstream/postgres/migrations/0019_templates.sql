-- Templates are definitions like the others. The old tables go: an API of the release before fails with templates until
-- it is replaced, where it would else write what nobody reads.

ALTER TABLE definitions DROP CONSTRAINT definitions_kind_check;
ALTER TABLE definitions ADD CONSTRAINT definitions_kind_check
    CHECK (kind IN ('template', 'segment', 'subscription', 'workspace'));

INSERT INTO definitions (workspace_id, kind, id, live_version, control_id, updated_at)
SELECT workspace_id, 'template', template_id, live_version, control_id, updated_at FROM templates;

INSERT INTO definition_versions (workspace_id, kind, id, version, body, published_at)
SELECT workspace_id, 'template', template_id, version, body, published_at FROM template_versions;

DROP TABLE template_versions, templates;

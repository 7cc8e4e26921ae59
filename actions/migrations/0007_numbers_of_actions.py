from django.db import migrations, models

# The numbers of what is stored already, as `track` keeps them from now on.
NUMBERS_OF_STORED_ACTIONS = """
UPDATE actions_action a SET numbers = found.numbers
FROM (
  SELECT f.action_id, jsonb_object_agg(one.key, one.value) AS numbers
  FROM actions_actionfacts f, jsonb_each(f.facts->'custom') one
  WHERE jsonb_typeof(one.value) = 'number' GROUP BY f.action_id
) found
WHERE found.action_id = a.id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('actions', '0006_dynamic_linking'),
    ]

    operations = [
        migrations.AddField(model_name='action', name='numbers', field=models.JSONField(null=True)),
        migrations.RunSQL(NUMBERS_OF_STORED_ACTIONS, migrations.RunSQL.noop),
    ]

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('actions', '0004_rule_hours'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='action',
            index=models.Index(fields=['tenant', 'action_code', '-created_at'], name='action_by_tenant_and_code'),
        ),
        migrations.AddIndex(
            model_name='action',
            index=models.Index(condition=models.Q(('outcome', 'CHALLENGE')), fields=['user', '-created_at'], name='challenged_by_user'),
        ),
        # Hours whose counting failed.
        migrations.AddField(
            model_name='counting',
            name='missed',
            field=ArrayField(base_field=models.DateTimeField(), default=list, size=None),
        ),
        # Only added to: without vacuum nothing is marked as visible to all, and each count looks into the table.
        migrations.RunSQL(
            'ALTER TABLE actions_action SET (autovacuum_vacuum_insert_scale_factor = 0.02)',
            'ALTER TABLE actions_action RESET (autovacuum_vacuum_insert_scale_factor)',
        ),
    ]

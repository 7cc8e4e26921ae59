from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """While it is built, messages go on becoming owed and being sent."""

    atomic = False

    dependencies = [
        ('authenticators', '0016_authenticator_label'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(condition=models.Q(('channel', 'EMAIL')), fields=['provider_id'], name='email_by_provider_id'),
        ),
    ]

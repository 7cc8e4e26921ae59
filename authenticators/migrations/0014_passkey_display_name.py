from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authenticators', '0013_new_sign_ins_and_alarms'),
    ]

    operations = [
        migrations.AddField(
            model_name='authenticator',
            name='display_name',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
    ]

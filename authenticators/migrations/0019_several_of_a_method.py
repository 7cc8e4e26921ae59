from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authenticators', '0018_app_attestation'),
    ]

    operations = [
        migrations.AddField(
            model_name='authenticatorconfiguration',
            name='allows_several',
            field=models.BooleanField(db_default=False, default=False, verbose_name='users may have several'),
        ),
        migrations.AddField(
            model_name='authenticatorconfiguration',
            name='shows_app_download',
            field=models.BooleanField(db_default=False, default=False, verbose_name='where to get an app is shown first'),
        ),
        migrations.AddField(
            model_name='authenticatorconfiguration',
            name='warns_of_delay',
            field=models.BooleanField(db_default=False, default=False, verbose_name='pages say that email may take minutes'),
        ),
    ]

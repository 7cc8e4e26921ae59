import authsignal_portal.sender_services
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authenticators', '0011_method_settings'),
    ]

    operations = [
        migrations.AddField(
            model_name='messageprovider',
            name='region',
            field=models.CharField(blank=True, db_default='', default='', max_length=16, verbose_name='region'),
        ),
        migrations.AddField(
            model_name='messageprovider',
            name='report_secret_sealed',
            field=models.BinaryField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='messageprovider',
            name='service',
            field=models.CharField(blank=True, choices=authsignal_portal.sender_services.service_choices, db_default='', default='', max_length=32, verbose_name='service'),
        ),
        migrations.AlterField(
            model_name='messageprovider',
            name='kind',
            field=models.CharField(choices=[('twilio', 'Twilio'), ('webhook', 'Webhook'), ('smtp', 'Mail server'), ('anymail', 'Sender service'), ('web_push', 'Web Push')], max_length=16, verbose_name='kind'),
        ),
    ]

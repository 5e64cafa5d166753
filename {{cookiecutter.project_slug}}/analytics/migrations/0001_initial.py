"""The counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="EventCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("day", models.DateField()),
                ("count", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "ordering": ("-day", "name"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "day"), name="analytics_one_count_a_day"
                    )
                ],
            },
        ),
    ]

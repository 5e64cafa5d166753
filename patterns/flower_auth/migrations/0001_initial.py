"""The model that the permission hangs on; no table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Tell Django of the model: the permission itself is made after the migrations."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Flower",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "Flower",
                "verbose_name_plural": "Flower",
                "permissions": (("see_flower", "Can see Flower"),),
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]

"""What is said of rates: by the command `likelihood`, after training, and by `info`."""

from diabolo.app.output.tables import columns_text
from diabolo.jobs.generate.likelihood import Likelihood
from diabolo.training.files.model_file import Trained
from diabolo.training.history import kept


def likelihood_text(found: Likelihood, measured_on: str) -> str:
    """Return the figures as lines, in nats per sample."""
    binarised = "; zeros and ones drawn once, from seed 1" if found.binarised else ""
    rows = [
        ("nats per sample", ""),
        ("distortion", f"{found.distortion:.2f}"),
        ("rate", f"{found.rate:.2f}"),
        ("-ELBO", f"{found.elbo:.2f}"),
        (f"-log p, IWAE bound of {found.samples:,}", f"{found.bound:.2f}"),
    ]
    if found.bits is not None:
        rows.append(("bits per dimension", f"{found.bits:.3f}"))
    rows.append(("active numbers of the code", f"{found.active} of {found.latent}"))
    return f"Measured on {measured_on}{binarised}:\n{columns_text(rows)}"


def code_text(trained: Trained) -> list[str]:
    """Return what a code with a rate costs, and how many of its numbers vary; nothing for other codes."""
    record, config = kept(trained.history), trained.config
    if record is None or not config.bottleneck.has_rate:
        return []
    vary = f"{record.active:,} of {config.latent:,} numbers of the code vary"
    return [f"On held-out samples the rate is {record.rate:.4g} nats, weighted by beta {config.beta:g}, and {vary}."]

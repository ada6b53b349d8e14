"""What a fitted estimator shows of its model: the three models, the history, the layers."""

from sklearn.utils.validation import check_is_fitted

from diabolo.model.autoencoder import AutoencoderModel, Decoder, Encoder
from diabolo.model.summary import Summary, summarise
from diabolo.training.files.model_file import Trained
from diabolo.training.history import Record


class Learnt:
    """The part of the estimator that reads `trained_`."""

    trained_: Trained

    def summary(self) -> Summary:
        """Return the layers, output shapes and parameters of encoder, decoder and autoencoder; print it to read it."""
        check_is_fitted(self)
        return summarise(self.trained_.model)

    @property
    def encoder(self) -> Encoder:
        """The torch module from prepared samples to codes."""
        return self.autoencoder.encoder

    @property
    def decoder(self) -> Decoder:
        """The torch module from codes to prepared samples."""
        return self.autoencoder.decoder

    @property
    def autoencoder(self) -> AutoencoderModel:
        """The torch module decoder(encoder(x)), on prepared samples."""
        check_is_fitted(self)
        return self.trained_.model

    @property
    def history_(self) -> tuple[Record, ...]:
        """One record per epoch."""
        check_is_fitted(self)
        return self.trained_.history

    @property
    def _n_features_out(self) -> int:
        return self.trained_.model.config.latent

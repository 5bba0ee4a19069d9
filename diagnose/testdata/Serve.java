import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A server by JSSE with all as it is by default, on a port, with an RSA key and certificates in a file of PEM. */
public class Serve {
    public static void main(String[] args) throws Exception {
        Security.setProperty("jdk.tls.disabledAlgorithms", "");
        byte[] pem = Files.readAllBytes(Path.of(args[1]));
        String text = new String(pem);
        String key = text.substring(text.indexOf("-----BEGIN PRIVATE KEY-----") + 27, text.indexOf("-----END PRIVATE KEY-----"));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("server",
                KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(key))), new char[0],
                CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(text.substring(0, text.indexOf("-----BEGIN PRIVATE")).getBytes()))
                        .toArray(new Certificate[0]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket l = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(Integer.parseInt(args[0]), 50, InetAddress.getByName("127.0.0.1"));
        while (true) {
            SSLSocket s = (SSLSocket) l.accept();
            new Thread(() -> {
                try (s) {
                    s.startHandshake();
                    s.getInputStream().read();
                } catch (Exception e) {
                    // that it fails is what is looked for
                }
            }).start();
        }
    }
}

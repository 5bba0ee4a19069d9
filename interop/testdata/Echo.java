import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * TLS by JSSE: an echo for each case on standard input. A line is one case: role version suite
 * groups cert key ca port. A server prints the port it listens on. What goes wrong goes to standard
 * error. Groups are set for the whole process, by -Djdk.tls.namedGroups.
 */
public class Echo {
    static final int LIMIT = 20_000; // milliseconds, as for each case

    interface Case {
        SSLSocket connect() throws IOException;
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            run(line.split(" "));
        }
    }

    static void run(String[] p) throws Exception {
        SSLContext context = context(p[4], p[5], p[6]);
        if (p[0].equals("client")) {
            begin(() -> {
                Socket raw = new Socket("127.0.0.1", Integer.parseInt(p[7]));
                SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(raw, "localhost", raw.getPort(), true);
                SSLParameters params = s.getSSLParameters();
                params.setEndpointIdentificationAlgorithm("HTTPS");
                s.setSSLParameters(params);
                return set(s, p);
            });
            return;
        }
        SSLServerSocket l = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        l.setSoTimeout(LIMIT);
        System.out.println(l.getLocalPort());
        begin(() -> {
            try (l) {
                return set((SSLSocket) l.accept(), p);
            }
        });
    }

    static SSLSocket set(SSLSocket s, String[] p) throws IOException {
        s.setEnabledProtocols(new String[] {p[1]});
        s.setEnabledCipherSuites(new String[] {p[2]});
        s.setSoTimeout(LIMIT);
        return s;
    }

    static void begin(Case c) {
        Thread t = new Thread(() -> {
            try (SSLSocket s = c.connect()) {
                InputStream in = s.getInputStream();
                OutputStream out = s.getOutputStream();
                byte[] b = new byte[65536];
                for (int n; (n = in.read(b)) >= 0; ) {
                    out.write(b, 0, n);
                }
            } catch (Exception e) {
                System.err.println(e);
            }
        });
        t.setDaemon(true);
        t.start();
    }

    static SSLContext context(String cert, String key, String ca) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        Certificate leaf = certificate(cert);
        keys.setKeyEntry("leaf", privateKey(key, leaf), new char[0], new Certificate[] {leaf});
        KeyManagerFactory k = KeyManagerFactory.getInstance("PKIX");
        k.init(keys, new char[0]);

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("root", certificate(ca));
        TrustManagerFactory t = TrustManagerFactory.getInstance("PKIX");
        t.init(trusted);

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(k.getKeyManagers(), t.getTrustManagers(), null);
        return context;
    }

    static Certificate certificate(String path) throws Exception {
        try (InputStream in = new FileInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static PrivateKey privateKey(String path, Certificate leaf) throws Exception {
        String pem = Files.readString(Path.of(path)).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance(leaf.getPublicKey().getAlgorithm())
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }
}

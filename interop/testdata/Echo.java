import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * TLS by JSSE: an echo for each case on standard input. A line is one case, of words key=value. A
 * server prints the port it listens on; who closes first prints the hash of what comes then; both
 * behind the case's n. What goes wrong goes to standard error. Groups and signature schemes are set for the whole process, by
 * properties.
 */
public class Echo {
    static final int LIMIT = 30_000; // milliseconds, as for each case

    interface Dial {
        SSLSocket connect() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        if (Boolean.getBoolean("interop.weak")) {
            Security.setProperty("jdk.tls.disabledAlgorithms", "");
            Security.setProperty("jdk.certpath.disabledAlgorithms", "");
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            Map<String, String> p = new HashMap<>();
            for (String word : line.split(" ")) {
                p.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
            }
            run(p);
        }
    }

    static void run(Map<String, String> p) throws Exception {
        SSLContext context = context(p);
        if (p.get("role").equals("client")) {
            begin(p, () -> {
                Socket raw = new Socket("127.0.0.1", Integer.parseInt(p.get("port")));
                SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(raw, "localhost", raw.getPort(), true);
                SSLParameters params = s.getSSLParameters();
                params.setEndpointIdentificationAlgorithm("HTTPS");
                s.setSSLParameters(params);
                return set(s, p);
            }, () -> {});
            return;
        }
        SSLServerSocket l = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        l.setSoTimeout(2 * LIMIT); // others may come first
        System.out.println(p.get("n") + " " + l.getLocalPort());
        begin(p, () -> {
            SSLSocket s = set((SSLSocket) l.accept(), p);
            if (!p.get("then").equals("renegotiate")) {
                ask(s, p);
            }
            return s;
        }, l::close);
    }

    static SSLSocket set(SSLSocket s, Map<String, String> p) throws IOException {
        s.setEnabledProtocols(p.get("version").split(","));
        if (!p.get("suite").isEmpty()) {
            s.setEnabledCipherSuites(p.get("suite").split(","));
        }
        SSLParameters params = s.getSSLParameters();
        if (!p.get("alpn").isEmpty()) {
            params.setApplicationProtocols(p.get("alpn").split(","));
        }
        if (!p.get("sni").isEmpty()) {
            params.setSNIMatchers(List.of(SNIHostName.createSNIMatcher(p.get("sni"))));
        }
        s.setSSLParameters(params);
        s.setSoTimeout(LIMIT);
        return s;
    }

    static void ask(SSLSocket s, Map<String, String> p) {
        s.setWantClientAuth(p.get("ask").equals("request"));
        if (p.get("ask").equals("require")) {
            s.setNeedClientAuth(true);
        }
    }

    interface End {
        void close() throws Exception;
    }

    static void begin(Map<String, String> p, Dial dial, End end) {
        Thread t = new Thread(() -> {
            try {
                for (int i = Integer.parseInt(p.get("rounds")); i > 0; i--) {
                    try (SSLSocket s = dial.connect()) {
                        serve(s, p);
                    } catch (SSLException | SocketException e) {
                        System.err.println(e); // of this connection alone
                    }
                }
                end.close();
            } catch (Exception e) {
                System.err.println(e);
            }
        });
        t.setDaemon(true);
        t.start();
    }

    static void serve(SSLSocket s, Map<String, String> p) throws Exception {
        InputStream in = s.getInputStream();
        OutputStream out = s.getOutputStream();
        byte[] b = new byte[65536];
        switch (p.get("then")) {
            case "last":
                b = in.readAllBytes();
                out.write(b);
                s.shutdownOutput();
                return;
            case "first":
                s.startHandshake();
                s.shutdownOutput();
                b = in.readAllBytes();
                System.out.println(p.get("n") + " " + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(b)));
                return;
            case "rekey":
            case "renegotiate":
                out.write(b, 0, in.read(b));
                ask(s, p);
                s.startHandshake();
        }
        for (int n; (n = in.read(b)) > 0; ) {
            out.write(b, 0, n);
        }
    }

    static SSLContext context(Map<String, String> p) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        if (!p.get("cert").isEmpty()) {
            Certificate[] chain = certificates(p.get("cert"));
            keys.setKeyEntry("leaf", privateKey(p.get("key"), chain[0]), new char[0], chain);
        }
        KeyManagerFactory k = KeyManagerFactory.getInstance("PKIX");
        k.init(keys, new char[0]);

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("root", certificates(p.get("ca"))[0]);
        TrustManagerFactory t = TrustManagerFactory.getInstance("PKIX");
        t.init(trusted);
        boolean any = p.get("role").equals("server") && p.get("verify").isEmpty();

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(k.getKeyManagers(), any ? new TrustManager[] {new Trusting()} : t.getTrustManagers(), null);
        return context;
    }

    /** Trusts any client. */
    static class Trusting extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] c, String a) {}
        public void checkClientTrusted(X509Certificate[] c, String a, Socket s) {}
        public void checkClientTrusted(X509Certificate[] c, String a, javax.net.ssl.SSLEngine e) {}
        public void checkServerTrusted(X509Certificate[] c, String a) { throw new IllegalStateException(); }
        public void checkServerTrusted(X509Certificate[] c, String a, Socket s) { throw new IllegalStateException(); }
        public void checkServerTrusted(X509Certificate[] c, String a, javax.net.ssl.SSLEngine e) { throw new IllegalStateException(); }
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    static Certificate[] certificates(String path) throws Exception {
        return CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(Path.of(path))))
                .toArray(new Certificate[0]);
    }

    static PrivateKey privateKey(String path, Certificate leaf) throws Exception {
        String pem = Files.readString(Path.of(path)).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance(leaf.getPublicKey().getAlgorithm())
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }
}

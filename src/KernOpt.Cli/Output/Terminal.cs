using System.Text.Json;
using System.Text.Json.Serialization;
using KernOpt.Cli.CommandLine;
using KernOpt.Target;
using Spectre.Console;

namespace KernOpt.Cli.Output;

/// <summary>
/// What a command prints: its result on stdout, as text for people or as one JSON document; everything else (progress, notes, refusals) on stderr.
/// </summary>
internal sealed class Terminal(bool json, bool quiet)
{
    private static readonly JsonSerializerOptions JsonForm = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase), new AddressJson(), new ReasonJson() },
    };

    private readonly IAnsiConsole messages = ConsoleOn(Console.Error, Console.IsErrorRedirected);

    private Refusal? unwritten;

    public IAnsiConsole People { get; } = ConsoleOn(Console.Out, Console.IsOutputRedirected);

    public bool IsJson => json;

    /// <summary>Prints the result: the document as JSON with its schema's name first, or what the picture draws.</summary>
    public void Show<T>(string schema, T document, Action<IAnsiConsole> draw)
    {
        Write(() =>
        {
            if (json) Console.Out.WriteLine(JsonSerializer.Serialize(new Envelope<T>($"kernopt.{schema}/1", document), JsonForm));
            else draw(People);
        });
    }

    /// <summary>Prints a result that has a form of its own.</summary>
    public void Print(string text) => Write(() => Console.Out.WriteLine(text));

    /// <summary>The command's exit code; that of a refusal when its result could not be written.</summary>
    public int ExitOf(int code) => unwritten is { } why ? Refuse(why) : code;

    /// <summary>What a command did stays done when its result cannot be written (a full disk): that is told at its end.</summary>
    private void Write(Action write)
    {
        try
        {
            write();
            Console.Out.Flush();
        }
        catch (IOException e)
        {
            unwritten = Reasons.FileNotWritable.With($"standard output: {e.Message}");
        }
    }

    /// <summary>A note for people on stderr; --quiet drops it.</summary>
    public void Say(string text)
    {
        if (!quiet) messages.MarkupLineInterpolated($"[grey]{text}[/]");
    }

    /// <summary>One clear line on stderr; answers the exit code that belongs to the refusal.</summary>
    public static int Refuse(Refusal refusal)
    {
        Console.Error.WriteLine($"kernopt: {RefusalText.Of(refusal)}");
        return ExitCode.Of(refusal);
    }

    /// <summary>Runs the work with a live line of what it is doing, where stderr is a terminal; a plain line per step elsewhere.</summary>
    public async Task<T> WithProgress<T>(string title, Func<IProgress<string>, Task<T>> work)
    {
        if (quiet) return await work(new Progressed(_ => { })).ConfigureAwait(false);
        if (Console.IsErrorRedirected)
        {
            Say(title);
            return await work(new Progressed(_ => { })).ConfigureAwait(false);
        }
        return await messages.Status().StartAsync(Markup.Escape(title), async status =>
            await work(new Progressed(step => status.Status(Markup.Escape($"{title} · {step}")))).ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>A file or a pipe has no width that a table or a message would have to fit in.</summary>
    private static IAnsiConsole ConsoleOn(TextWriter writer, bool isRedirected)
    {
        const int widthOfFiles = 240;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (isRedirected) console.Profile.Width = widthOfFiles;
        return console;
    }

    private sealed record Envelope<T>(string Schema, T Result);

    /// <summary>Reports at once on the caller's thread, unlike <see cref="Progress{T}"/>, which may reorder.</summary>
    private sealed class Progressed(Action<string> report) : IProgress<string>
    {
        public void Report(string value) => report(value);
    }

    private sealed class AddressJson : JsonConverter<Address>
    {
        public override Address Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(Convert.ToUInt64(reader.GetString(), 16));

        public override void Write(Utf8JsonWriter writer, Address value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class ReasonJson : JsonConverter<Reason>
    {
        public override Reason Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            var text = reader.GetString() ?? "";
            return Reasons.All.FirstOrDefault(r => r.ToString() == text, Reasons.Unset);
        }

        public override void Write(Utf8JsonWriter writer, Reason value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}

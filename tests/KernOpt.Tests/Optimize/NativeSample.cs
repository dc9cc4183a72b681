using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Optimize;

/// <summary>The samples compiled into a library that is loaded into this process, and room near it for versions.</summary>
public sealed unsafe partial class NativeSample : ICodeSource, IDisposable
{
    private const int Room = 1 << 20;
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-samples-").FullName;
    private readonly nint library;
    private readonly Address bias;
    private readonly List<(AddressRange Range, bool IsExecutable, bool IsWritable)> segments = [];
    private readonly Dictionary<string, Function> functions = [];
    private readonly byte* heap;
    private int used;

    public NativeSample()
    {
        var (source, file) = (Path.Combine(folder, "samples.c"), Path.Combine(folder, "samples.so"));
        File.WriteAllText(source, Samples.Source);
        Tool("gcc", "-O2", "-fPIC", "-shared", "-Wl,-z,separate-code", "-fcf-protection=none", "-fno-tree-vectorize", "-o", file, source);
        library = NativeLibrary.Load(file);
        var anchor = Tool("readelf", "-sW", file).Split('\n').Select(Words).First(w => w.Length == 8 && w[7] == "filter");
        bias = new Address((ulong)NativeLibrary.GetExport(library, "filter") - Hex(anchor[1]));
        ReadSegments(Tool("readelf", "-lW", file));
        ReadFunctions(Tool("readelf", "-sW", file));
        // The library's own zeroed data, made executable: the runtime reserves most of the address space around its libraries.
        heap = (byte*)NativeLibrary.GetExport(library, "room");
        Assert(Protect((nint)heap, Room, 7) == 0);
    }

    public FunctionGraph Parse(string name) => FunctionParser.Parse(functions[name], this).Value;

    /// <summary>Lays the body out in executable memory. Answers where its entries are.</summary>
    public IReadOnlyList<Address> Install(FunctionBody body)
    {
        used = (used + 63) & ~63;
        var at = new Address((ulong)(heap + used));
        var code = CodeLayout.Encode(body, at).Value;
        Assert(used + code.Bytes.Length <= Room - 4096);
        code.Bytes.CopyTo(new Span<byte>(heap + used, code.Bytes.Length));
        used += code.Bytes.Length;
        return code.Entries;
    }

    /// <summary>Straight-line code at a place from which it reaches the library and its versions.</summary>
    public Address Place(IEnumerable<Iced.Intel.Instruction> instructions)
    {
        used = (used + 63) & ~63;
        var at = (ulong)(heap + used);
        var assembler = new Iced.Intel.Assembler(64);
        foreach (var instruction in instructions) assembler.AddInstruction(instruction);
        using var bytes = new MemoryStream();
        assembler.Assemble(new Iced.Intel.StreamCodeWriter(bytes), at);
        bytes.ToArray().CopyTo(new Span<byte>(heap + used, (int)bytes.Length));
        used += (int)bytes.Length;
        return new Address(at);
    }

    /// <summary>An 8-byte word that versions can reach.</summary>
    public ref ulong Counter => ref *(ulong*)(heap + Room - 64);

    public Address CounterAddress => new((ulong)(heap + Room - 64));

    public int Read(Address from, Span<byte> into)
    {
        // The range lies in a segment of the loaded library: it is mapped as long as this object lives.
        var range = new AddressRange(from, (ulong)into.Length);
        if (!segments.Any(s => s.Range.Contains(range))) return 0;
        new ReadOnlySpan<byte>((void*)from.Value, into.Length).CopyTo(into);
        return into.Length;
    }

    public bool IsExecutable(Address address) => segments.Any(s => s.IsExecutable && s.Range.Contains(address));

    public bool IsConstantData(AddressRange range) => segments.Any(s => !s.IsWritable && s.Range.Contains(range));

    public Function? FunctionAt(Address address) => functions.Values.FirstOrDefault(f => f.Range.Contains(address));

    public bool TryGetImport(Address stub, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name)
    {
        name = null;
        return false;
    }

    public bool TryGetImportSlot(Address slot, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name)
    {
        name = null;
        return false;
    }

    public void Dispose()
    {
        NativeLibrary.Free(library);
        Directory.Delete(folder, recursive: true);
    }

    private void ReadSegments(string listing)
    {
        foreach (var words in listing.Split('\n').Select(Words).Where(w => w.Length >= 7 && w[0] == "LOAD"))
        {
            var flags = string.Concat(words[6..^1]);
            segments.Add((new AddressRange(bias + Hex(words[2]), Hex(words[5])), flags.Contains('E'), flags.Contains('W')));
        }
    }

    private void ReadFunctions(string listing)
    {
        var module = new ModuleImage(new TargetModule("samples.so", "", bias, new AddressRange(bias, 0), [], false, () => Array.Empty<byte>(), _ => null), []);
        foreach (var words in listing.Split('\n').Select(Words).Where(w => w.Length == 8 && w[3] == "FUNC" && w[6] != "UND"))
        {
            var size = ulong.Parse(words[2], CultureInfo.InvariantCulture);
            if (size > 0) functions[words[7]] = new Function(module, bias + Hex(words[1]), size, [words[7]], FunctionOrigin.SymbolTable);
        }
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static ulong Hex(string text) => ulong.Parse(text.StartsWith("0x") ? text[2..] : text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string Tool(string name, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true })!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert(process.ExitCode == 0);
        return text;
    }

    private static void Assert(bool condition)
    {
        if (!condition) throw new InvalidOperationException("the sample library could not be set up");
    }

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint at, nint length, int protection);
}

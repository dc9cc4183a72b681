using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;
using KernOpt.Validate;
using Xunit;
using Opcode = Iced.Intel.Code;

namespace KernOpt.Tests.Live.Validate;

/// <summary>subjects.c, compiled by gcc -O2 and loaded into this process, which plays the live target: it is only read.</summary>
public sealed class LoadedSubjects : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-subjects-").FullName;
    private readonly nint handle;
    private readonly Dictionary<string, ulong> sizes = [];

    public LoadedSubjects()
    {
        var source = Path.Combine(Path.GetDirectoryName(Here())!, "subjects.c");
        var file = Path.Combine(folder, "subjects.so");
        Run("gcc", $"-O2 -shared -fPIC -fvisibility=protected -fcf-protection=none -fno-jump-tables -o {file} {source}");
        foreach (var line in Run("nm", $"-S --defined-only {file}").Split('\n'))
        {
            if (line.Split(' ') is [_, var size, "T", var name]) sizes[name] = ulong.Parse(size, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
        handle = NativeLibrary.Load(file);
    }

    public ulong AddressOf(string name) => (ulong)NativeLibrary.GetExport(handle, name);

    public List<Instruction> Decode(string name)
    {
        var bytes = new byte[sizes[name]];
        Assert.Equal(bytes.Length, Read(new Address(AddressOf(name)), bytes));
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes), AddressOf(name));
        var instructions = new List<Instruction>();
        while (decoder.IP < AddressOf(name) + (ulong)bytes.Length) instructions.Add(decoder.Decode());
        return instructions;
    }

    public static int Read(Address from, Span<byte> into) => (int)Math.Max(0, SystemCall.ReadProcess(Environment.ProcessId, from.Value, into));

    /// <summary>
    /// A request whose version is a copy of the function, moved into free space near it and changed by <paramref name="change"/>. The redirection is at the
    /// first instruction of five bytes in the entry block, or at the very first instruction when there is none or it is asked for.
    /// </summary>
    public ValidationRequest Copy(string name, Action<List<Instruction>>? change = null, bool isAtStart = false)
    {
        var code = Decode(name);
        var site = isAtStart ? code[0].IP : SiteOf(code);
        change?.Invoke(code);
        return Request(name, site, Encode(code, FreeSpace()), site);
    }

    /// <summary>A copy of the function with some instructions put before the site: they are the first that the version executes.</summary>
    public ValidationRequest Before(string name, params Instruction[] inserted)
    {
        var site = SiteOf(Decode(name));
        var code = Decode(name);
        // What jumps to the site must keep going to it, so the new instructions lie at the end and jump back.
        for (var i = 0; i < inserted.Length; i++) inserted[i].IP = Inserted + (ulong)i;
        code.AddRange(inserted);
        code.Add(Instruction.CreateBranch(Opcode.Jmp_rel32_64, site));
        var encoded = Encode(code, FreeSpace());
        return Request(name, site, encoded, Inserted);
    }

    /// <summary>The address that the first instruction of <see cref="Before"/> counts as: a jump there is a loop.</summary>
    public const ulong Inserted = 0x5_0000;

    /// <summary>
    /// A request whose version is written by hand. The writer gets the address of a stub that does the first instruction of the function and goes on in the
    /// original behind it, which is where guards fall back to.
    /// </summary>
    public ValidationRequest Assembled(string name, Action<Assembler, ulong> write)
    {
        var first = Decode(name)[0];
        var at = FreeSpace();
        var stub = Encode([first, Instruction.CreateBranch(Opcode.Jmp_rel32_64, first.NextIP)], at + 0x2000);
        var assembler = new Assembler(64);
        write(assembler, stub.At.Value);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), at);
        var code = new EncodedCode(new Address(at), stream.ToArray(), [new Address(at)], []) { CodeBytes = (int)stream.Length, Blocks = [] };
        return new ValidationRequest(Original(name, first.IP), new VersionCode(code, new Address(at)))
        {
            Read = Read,
            Map = ReadMap(),
            Extra = [new PlacedBytes(stub.At, [.. stub.Bytes], IsCode: true)],
        };
    }

    /// <summary>Free in this process as far as the version is concerned: nothing is ever mapped there but in the sandbox.</summary>
    public ulong FreeSpace() => (AddressOf("sums") & ~0xfffUL) - 0x1000_0000;

    public static EncodedCode Encode(List<Instruction> instructions, ulong at)
    {
        var writer = new MemoryStream();
        var block = new InstructionBlock(new StreamCodeWriter(writer), instructions, at);
        Assert.True(BlockEncoder.TryEncode(64, block, out var error, out var result, BlockEncoderOptions.ReturnNewInstructionOffsets), error);
        var map = instructions.Select((instruction, i) => (new Address(instruction.IP), new Address(at + result.NewInstructionOffsets[i])));
        return new EncodedCode(new Address(at), writer.ToArray(), [new Address(at)], [.. map]) { CodeBytes = (int)writer.Length, Blocks = [] };
    }

    public void Dispose()
    {
        NativeLibrary.Free(handle);
        Directory.Delete(folder, true);
    }

    private static ulong SiteOf(List<Instruction> code)
    {
        var entryBlock = code.TakeWhile(i => i.FlowControl is FlowControl.Next or FlowControl.Call).ToList();
        return entryBlock.Find(i => i.Length >= 5) is { Length: > 0 } found ? found.IP : code[0].IP;
    }

    private ValidationRequest Request(string name, ulong site, EncodedCode code, ulong entryFrom)
    {
        var entry = code.Map.First(m => m.Original.Value == entryFrom).Moved;
        return new ValidationRequest(Original(name, site), new VersionCode(code, entry)) { Read = Read, Map = ReadMap() };
    }

    private OriginalCode Original(string name, ulong site)
        => new(new Address(AddressOf(name)), [new AddressRange(new Address(AddressOf(name)), sizes[name])], new Address(site));

    private static TargetMap ReadMap() => new(MapsFile.Read(Environment.ProcessId), []);

    private static string Here([CallerFilePath] string here = "") => here;

    private static string Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
